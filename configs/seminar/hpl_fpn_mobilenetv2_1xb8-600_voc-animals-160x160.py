# The feature pyramid on clicks and on labels of another network; without a teacher, which
# gains nothing from ImageNet on (docs/appendix/seminar.md).
_base_ = 'pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', loss_weight=1.0))
# A list of stages puts its own folder here.
labels = dict(type='LoadPseudoLabels', pseudo_label_dir='work_dirs/labels/voc_animals')
_base_.train_pipeline.insert(1, labels)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
