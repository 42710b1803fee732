# Rounds begin after 31 epochs of plain classification, 41 of the first and 51 of the second
# round; the last one goes through all 61 epochs of the schedule.
_base_ = 'cam_r38_1xb16-40k_voc12-224x224.py'
max_iters = 121624
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=4096, num_classes=21, num_clusters=10
    )
)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
custom_hooks = [
    dict(type='ClassCheckHook'),
    dict(type='IterationSeedHook'),
    dict(type='SubCategoryClusteringHook', rounds=[20491, 47592, 81303], num_workers=4),
]
