# The same on ResNet-50, at a rate that fits its weights.
_base_ = [
    '../_base_/models/affinity_r50.py',
    '../_base_/datasets/voc12_labels.py',
    '../_base_/schedules/schedule_affinity_voc_10k.py',
    '../_base_/default_runtime.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(448, 448)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=0.01))
val_dataloader = val_evaluator = test_dataloader = test_evaluator = None
