# Seminar learning whose primary network has learnt from the clicks alone before labels and
# a teacher come in, and which learns from all of them twice. Every state of it is tested.
_base_ = 'seminar_tta.py'
metrics = 'test_longer/metrics.json'
tta_metrics = 'test_longer_tta/metrics.json'
_ancillary, _labels, _primary, _test, _test_tta = _base_.stages
stages = [
    _ancillary,
    _labels,
    dict(_ancillary, name='primary_clicks', config='{primary_clicks_config}'),
    dict(_primary, load_from='primary_clicks'),
    dict(_primary, name='primary_longer', load_from='primary'),
    dict(_test, name='test_clicks', network='primary_clicks'),
    _test,
    _test_tta,
    dict(_test, name='test_longer', network='primary_longer'),
    dict(_test_tta, name='test_longer_tta', network='primary_longer'),
]
