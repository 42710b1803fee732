# AffinityNet on MobileNetV2 at output stride 16 (cells of 8 pixels) and affinity labels of
# voc_animals; a stage list sets their folder. There is nothing to validate.
_base_ = [
    '../_base_/models/preprocessor.py',
    '../_base_/datasets/voc_animals_labels.py',
    '../_base_/schedules/iterations.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='AffinitySegmentor',
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], size=(224, 224)
    ),
    backbone=dict(
        type='MobileNetV2',
        out_indices=(2, 4, 6),
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        norm_cfg=dict(type='BN'),
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='data/weights/mobilenet_v2_imagenet.pth'
        ),
    ),
    decode_head=dict(
        type='AffinityHead', in_channels=(32, 96, 320), num_classes=7, in_index=(0, 1, 2)
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
max_iters = 400
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.02)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters)
val_cfg = test_cfg = None
default_hooks = dict(checkpoint=dict(interval=200))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(224, 224)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = val_evaluator = test_dataloader = test_evaluator = None
