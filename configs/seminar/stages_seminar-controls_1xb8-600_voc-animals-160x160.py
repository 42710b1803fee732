_base_ = [
    '../_base_/stages/seminar_controls.py',
    '../_base_/stages/seminar_values_voc_animals.py',
]
ancillary_config = 'configs/seminar/pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
second_config = 'configs/seminar/hpl_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
primary_clicks_config = (
    'configs/seminar/pce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
primary_config = (
    'configs/seminar/hpl-teacher_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
online_config = (
    'configs/seminar/hpl-online_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
one_network_config = (
    'configs/seminar/'
    'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
# The iterations of ancillary, clicks and primary of the road from clicks, 600 being done.
one_network_options = {
    'train_cfg.max_iters': 1200,
    'train_cfg.val_interval': 1200,
    'param_scheduler.1.end': 1200,
}
