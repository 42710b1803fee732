# 600 iterations of AdamW for a small pre-trained network on a CPU. The backbone's rate is
# low on purpose: with frozen batch-norm statistics and so few iterations a higher one
# destroys what it learnt from ImageNet.
_base_ = 'iterations.py'
max_iters = 600
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.02)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(
    checkpoint=dict(interval=200), pointwise=dict(type='OneDNNPointwiseHook')
)
