# Phase ii, 30 epochs of all images. Set load_from to the result of phase i.
_base_ = 'seg_largefov_vgg16_1xb30-6k_voc12-split4-321x321.py'
max_iters = 10500
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
model = dict(
    type='PredictionTransferSegmentor',
    prediction_network=dict(type='PredictionNetwork'),
    phase='joint',
    adversarial_weight=0.1,
    stride=1,
)
optim_wrapper = dict(
    _delete_=True,
    constructor='PredictionTransferOptimWrapperConstructor',
    segmentor=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=1e-5, momentum=0.9, weight_decay=5e-4),
        paramwise_cfg=dict(custom_keys={'conv_seg': dict(lr_mult=10.0)}),
    ),
    prediction_network=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
    ),
)
custom_hooks = [
    dict(type='ClassCheckHook'),
    dict(type='IterationSeedHook'),
    dict(type='PredictionNetworkHook'),
]
model_wrapper_cfg = dict(type='PredictionTransferDDP')
