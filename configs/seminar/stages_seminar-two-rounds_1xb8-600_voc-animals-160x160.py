_base_ = 'stages_seminar_1xb8-600_voc-animals-160x160.py'
second_config = 'configs/seminar/hpl_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
stages = _base_.two_rounds
metrics, tta_metrics = 'test_2/metrics.json', 'test_tta_2/metrics.json'
