# The control of the three rounds: as many iterations, without sub-categories.
_base_ = 'cam_mobilenetv2_1xb8-600_voc-animals-160x160.py'
max_iters = 1600
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=20, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=400, max_keep_ckpts=-1))
