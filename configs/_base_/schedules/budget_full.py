# The budget for results: 1,500 iterations of AdamW for a well pre-trained network, whose
# layers learn at a tenth of the head's rate.
_base_ = 'iterations.py'
max_iters = 1500
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(
    checkpoint=dict(interval=300), pointwise=dict(type='OneDNNPointwiseHook')
)
