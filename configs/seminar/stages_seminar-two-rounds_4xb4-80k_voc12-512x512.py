# A second round with swapped roles.
_base_ = 'stages_seminar_4xb4-80k_voc12-512x512.py'
second_config = 'configs/seminar/hpl_pspnet_r50-d16_4xb4-80k_voc12-512x512.py'
stages = _base_.two_rounds
metrics, tta_metrics = 'test_2/metrics.json', 'test_tta_2/metrics.json'
