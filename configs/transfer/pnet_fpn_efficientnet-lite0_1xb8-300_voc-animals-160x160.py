# Phase ii: segmenter and P-Net in turn, on all images. Set load_from to the result of
# phase i, or to the segmenter for the control without it.
_base_ = 'seg_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
max_iters = 300
model = dict(
    type='PredictionTransferSegmentor',
    prediction_network=dict(type='PredictionNetwork'),
    phase='joint',
    adversarial_weight=0.1,
)
optim_wrapper = dict(
    _delete_=True,
    constructor='PredictionTransferOptimWrapperConstructor',
    segmentor=dict(
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=1e-4, weight_decay=1e-4),
        paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    ),
    prediction_network=dict(
        type='OptimWrapper',
        optimizer=dict(type='Adam', lr=5e-4, betas=(0.5, 0.999)),
    ),
)
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=100))
custom_hooks = [*_base_.custom_hooks, dict(type='PredictionNetworkHook')]
model_wrapper_cfg = dict(type='PredictionTransferDDP')
