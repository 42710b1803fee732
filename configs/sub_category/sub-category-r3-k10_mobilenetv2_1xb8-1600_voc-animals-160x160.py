# Plain classification for 400 iterations, then three rounds of 400, each from the ImageNet
# weights and with a whole schedule.
_base_ = 'cam_mobilenetv2_1xb8-600_voc-animals-160x160.py'
max_iters = 1600
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=320, num_classes=7, num_clusters=10
    )
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=20, end=400, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=400, max_keep_ckpts=-1))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SubCategoryClusteringHook', rounds=[400, 800, 1200]),
]
