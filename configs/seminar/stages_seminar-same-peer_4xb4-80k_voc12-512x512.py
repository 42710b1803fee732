# Control: the labels come from a network of the primary's own architecture.
_base_ = 'stages_seminar_4xb4-80k_voc12-512x512.py'
ancillary_config = (
    'configs/seminar/teacher_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
)
