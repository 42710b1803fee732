# Seminar learning whose primary network has learnt from the clicks alone before labels and
# a teacher come in. That network is tested too.
_base_ = 'seminar_tta.py'
clicks_network = '{primary_clicks}/{primary_checkpoint}'
_ancillary, _labels, _primary, *_tests = _base_.stages
stages = [
    _ancillary,
    _labels,
    dict(
        name='primary_clicks',
        command=[
            *('{train}', '{primary_clicks_config}', '{processes}'),
            *_base_.resumable,
        ],
        inputs=['{primary_clicks_config}', '{clicks}'],
        outputs=['{stage}/{primary_checkpoint}'],
    ),
    dict(
        _primary,
        command=[*_primary['command'], f'load_from={clicks_network}'],
        inputs=[*_primary['inputs'], clicks_network],
    ),
    dict(
        name='test_clicks',
        command=[
            *('{python}', '{tools}/test.py', '{primary_clicks_config}', clicks_network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json'),
        ],
        inputs=['{primary_clicks_config}', clicks_network],
        outputs=['{stage}/metrics.json'],
    ),
    *_tests,
]
