# Full supervision of all classes, scored by group: what ratios refer to.
_base_ = [
    '../_base_/models/largefov_vgg16.py',
    '../_base_/datasets/voc12_strong_weak.py',
    '../_base_/schedules/schedule_transfer_voc_6k.py',
    '../_base_/default_runtime.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size={{_base_.crop_size}}),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
masks = _base_.train_dataloader.dataset.dataset  # without what hides the weak classes
train_dataloader = dict(dataset=dict(_delete_=True, **masks, pipeline=train_pipeline))
