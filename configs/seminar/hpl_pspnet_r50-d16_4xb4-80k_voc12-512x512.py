# The ancillary network of a second round, which learns from the primary's labels.
_base_ = 'teacher_pspnet_r50-d16_4xb4-80k_voc12-512x512.py'
model = dict(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', loss_weight=1.0))
# A list of stages puts its own folder here.
labels = dict(type='LoadPseudoLabels', pseudo_label_dir='work_dirs/labels/voc12')
_base_.train_pipeline.insert(1, labels)
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
