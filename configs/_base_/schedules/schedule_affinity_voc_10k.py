# Eight epochs of VOC's 10582 images in batches of 8, as published.
_base_ = 'iterations.py'
max_iters = 10600
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.0, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=10.0)}),
)
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters)
val_cfg = test_cfg = None
default_hooks = dict(checkpoint=dict(interval=2650))
