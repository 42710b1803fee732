# The feature pyramid on clicks and on labels of another network; without a teacher, which
# gains nothing from ImageNet on (see README.md).
_base_ = 'pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', loss_weight=1.0))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    # A list of stages puts its own folder here.
    dict(type='LoadPseudoLabels', pseudo_label_dir='work_dirs/labels/voc_animals'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(300, 300), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=(160, 160)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
