# Ten epochs of plain classification, then three rounds of ten.
_base_ = 'cam_r50_4xb16-13k_coco14-512x512.py'
max_iters = 51200
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=2048, num_classes=81, num_clusters=10
    )
)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SubCategoryClusteringHook', rounds=[12800, 25600, 38400], num_workers=4),
]
