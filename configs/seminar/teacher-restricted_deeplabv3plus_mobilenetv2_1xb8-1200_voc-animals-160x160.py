# Twice the iterations, to be started from 600 of clicks (stages_seminar-controls does): one
# network with the iterations of ancillary, clicks and primary of the road from clicks.
_base_ = 'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
max_iters = 1200
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
