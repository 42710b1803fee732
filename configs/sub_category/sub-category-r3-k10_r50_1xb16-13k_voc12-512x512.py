# Five epochs of plain classification, then three rounds of five.
_base_ = 'cam_r50_1xb16-3k_voc12-512x512.py'
max_iters = 13200
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=2048, num_classes=21, num_clusters=10
    )
)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SubCategoryClusteringHook', rounds=[3300, 6600, 9900], num_workers=4),
]
