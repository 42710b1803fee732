_base_ = 'stages_seminar_1xb8-400_synthetic-96x96.py'
second_config = 'configs/seminar/hpl_psp_r18-narrow_1xb8-400_synthetic-96x96.py'
stages = _base_.two_rounds
metrics, tta_metrics = 'test_2/metrics.json', 'test_tta_2/metrics.json'
