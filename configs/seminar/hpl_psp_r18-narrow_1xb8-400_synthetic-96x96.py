# The ancillary network of a second round, which learns from the primary's labels.
_base_ = 'teacher_psp_r18-narrow_1xb8-400_synthetic-96x96.py'
model = dict(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', loss_weight=1.0))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    # The stage list puts its own folder here.
    dict(type='LoadPseudoLabels', pseudo_label_dir='work_dirs/labels/synthetic'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(128, 128), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=(96, 96)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
