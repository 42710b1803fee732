# AffinityNet as published, on affinity labels of VOC 2012; a stage list sets their folder.
_base_ = [
    '../_base_/models/preprocessor.py',
    '../_base_/datasets/voc12_labels.py',
    '../_base_/schedules/iterations.py',
    '../_base_/default_runtime.py',
]
# Eight epochs of VOC's 10582 images in batches of 8, as published.
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
model = dict(
    type='AffinitySegmentor',
    data_preprocessor=dict(size=(448, 448)),
    backbone=dict(
        type='ResNet38',
        out_indices=(2, 3, 4),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/weights/ilsvrc-cls_rna-a1_cls1000_ep-0001.params',
        ),
    ),
    decode_head=dict(type='AffinityHead', in_channels=(512, 1024, 4096), num_classes=21),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=38,
        contrast_range=(0.7, 1.3),
        saturation_range=(0.7, 1.3),
        hue_delta=18,
    ),
    dict(type='RandomCrop', crop_size=(448, 448)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = val_evaluator = test_dataloader = test_evaluator = None
