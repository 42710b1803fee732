# Values chosen on 200 images held out of train (docs/appendix/seminar.md).
_base_ = '../_base_/stages/seminar.py'
stages = _base_.with_tta
tta_metrics = 'test_tta/metrics.json'
ancillary_config = 'configs/seminar/pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
primary_config = (
    'configs/seminar/hpl_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
background_prior = 0.3
threshold = 0.6
label_options = ['--scales', '1.0']
refinement_options = ['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
workers = 2
clicks = [
    'data/voc_animals/points/main.json',
    'data/voc_animals/points/bg_from_scribbles.json',
]
