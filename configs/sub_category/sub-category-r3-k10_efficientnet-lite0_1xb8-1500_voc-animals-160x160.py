# Plain classification for 375 iterations, then three rounds of 375, each from the ImageNet
# weights and with a whole schedule.
_base_ = 'cam_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=320, num_classes=7, num_clusters=10
    )
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=375, by_epoch=False),
]
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SubCategoryClusteringHook', rounds=[375, 750, 1125]),
]
