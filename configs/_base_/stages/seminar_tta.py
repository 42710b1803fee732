# The same with a test at several scales and with flip.
_base_ = 'seminar.py'
tta_metrics = 'test_tta/metrics.json'
stages = [*_base_.stages, dict(type='Test', name='test_tta', network='primary', tta=True)]
