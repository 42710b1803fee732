_base_ = [
    '../_base_/stages/seminar_two_rounds.py',
    '../_base_/stages/seminar_values_voc_animals.py',
]
ancillary_config = 'configs/seminar/pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
second_config = 'configs/seminar/hpl_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
primary_config = (
    'configs/seminar/hpl_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
