# 800 iterations of the same: mutual promotion's parts come in one after the other.
_base_ = 'schedule_cpu_600.py'
max_iters = 800
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
