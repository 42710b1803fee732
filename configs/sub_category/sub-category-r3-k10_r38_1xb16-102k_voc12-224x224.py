# The three rounds have 31, 41 and 51 epochs of a schedule of 61, as published; the plain
# classification before them has 31 as well, which is ours.
_base_ = 'cam_r38_1xb16-40k_voc12-224x224.py'
max_iters = 101794
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=4096, num_classes=21, num_clusters=10
    )
)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SubCategoryClusteringHook', rounds=[20491, 40982, 68083], num_workers=4),
]
