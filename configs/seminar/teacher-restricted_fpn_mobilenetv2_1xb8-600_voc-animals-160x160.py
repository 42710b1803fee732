# The ancillary network with a teacher that knows which classes were clicked.
_base_ = [
    'pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py',
    '../_base_/models/restricted_teacher.py',
]
model = dict(consistency={{_base_.restricted_teacher}})
custom_hooks = [*_base_.custom_hooks, _base_.teacher_hook]
