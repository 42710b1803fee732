_base_ = [
    '../_base_/stages/self_training.py',
    '../_base_/stages/seminar_values_voc_animals.py',
]
ancillary_config = 'configs/seminar/pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
primary_config = (
    'configs/seminar/hpl-teacher_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
