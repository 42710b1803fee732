# The plain classifier of the published pipeline: 61 epochs (of 661 iterations), crop 224,
# no momentum (the official code hands 0.9 to the schedule only).
_base_ = [
    '../_base_/models/cam_r38.py',
    '../_base_/datasets/voc12_tags.py',
    '../_base_/schedules/schedule_cam_voc_3k.py',
    '../_base_/default_runtime.py',
]
max_iters = 40321
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    dict(type='RandomResize', scale=(512, 512), ratio_range=(0.5, 1.0), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    # mmseg's form of brightness, contrast and saturation 0.3, hue 0.1.
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=38,
        contrast_range=(0.7, 1.3),
        saturation_range=(0.7, 1.3),
        hue_delta=18,
    ),
    dict(type='RandomCrop', crop_size=(224, 224)),
    dict(type='PackWeakSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=0.01, momentum=0.0, weight_decay=5e-4))
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=6610))
