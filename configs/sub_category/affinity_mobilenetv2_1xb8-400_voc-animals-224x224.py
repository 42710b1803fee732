# AffinityNet on affinity labels of voc_animals; a stage list sets their folder.
_base_ = [
    '../_base_/models/affinity_mobilenetv2.py',
    '../_base_/datasets/voc_animals_labels.py',
    '../_base_/schedules/schedule_affinity_cpu_400.py',
    '../_base_/default_runtime.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(224, 224)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = val_evaluator = test_dataloader = test_evaluator = None
