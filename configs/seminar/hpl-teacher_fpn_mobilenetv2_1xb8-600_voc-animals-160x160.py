# All three terms on the feature pyramid. To be started from a network that learnt from
# clicks, see stages_self-training.
_base_ = [
    'hpl_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py',
    '../_base_/models/restricted_teacher.py',
]
model = dict(consistency={{_base_.restricted_teacher}})
custom_hooks = [*_base_.custom_hooks, _base_.teacher_hook]
