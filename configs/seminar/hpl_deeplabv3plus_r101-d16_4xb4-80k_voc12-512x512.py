# The primary network: clicks, teacher, and labels that an ancillary network made.
_base_ = 'teacher_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
model = dict(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', loss_weight=1.0))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    # A list of stages puts its own folder here.
    dict(type='LoadPseudoLabels', pseudo_label_dir='work_dirs/labels/voc12'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=(512, 512)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
