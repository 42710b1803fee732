# AffinityNet as published, on affinity labels of VOC 2012; a stage list sets their folder.
_base_ = [
    '../_base_/models/affinity_r38.py',
    '../_base_/datasets/voc12_labels.py',
    '../_base_/schedules/schedule_affinity_voc_10k.py',
    '../_base_/default_runtime.py',
]
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
