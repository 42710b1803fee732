_base_ = 'stages_seminar_1xb8-600_voc-animals-160x160.py'
primary_clicks_config = (
    'configs/seminar/pce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
primary_config = (
    'configs/seminar/hpl-teacher_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
stages = _base_.from_clicks
metrics, tta_metrics = 'test_longer/metrics.json', 'test_longer_tta/metrics.json'
