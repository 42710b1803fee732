# What phase ii of prediction transfer changes in a training of the segmenter: the
# prediction network, two optimisers, their schedule of 30 epochs of VOC's 10,582 images.
pnet_max_iters = 10500
pnet_schedule = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=pnet_max_iters, by_epoch=False)
]
pnet_train_cfg = dict(max_iters=pnet_max_iters, val_interval=pnet_max_iters)
pnet_model = dict(
    type='PredictionTransferSegmentor',
    prediction_network=dict(type='PredictionNetwork'),
    phase='joint',
    adversarial_weight=0.1,
    stride=1,
)
pnet_optim_wrapper = dict(
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
model_wrapper_cfg = dict(type='PredictionTransferDDP')
