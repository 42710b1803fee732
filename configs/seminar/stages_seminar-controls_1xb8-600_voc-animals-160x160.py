_base_ = '../_base_/stages/seminar_controls.py'
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
    'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-1200_voc-animals-160x160.py'
)
one_network_checkpoint = 'iter_1200.pth'
ancillary_checkpoint = second_checkpoint = primary_checkpoint = 'iter_600.pth'
# Chosen on 200 images held out of train; README.md has the numbers.
background_prior = 0.3
threshold = 0.6
label_options = ['--scales', '1.0']
refinement_options = [
    *('--refinement-options', 'bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4'),
]
workers = 2
clicks = [
    'data/voc_animals/points/main.json',
    'data/voc_animals/points/bg_from_scribbles.json',
]
