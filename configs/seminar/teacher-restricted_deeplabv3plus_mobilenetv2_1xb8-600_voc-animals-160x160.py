# The teacher knows which classes were clicked in the image and follows its colours.
_base_ = [
    'pce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py',
    '../_base_/models/restricted_teacher.py',
]
model = dict(consistency={{_base_.restricted_teacher}})
custom_hooks = [*_base_.custom_hooks, _base_.teacher_hook]
