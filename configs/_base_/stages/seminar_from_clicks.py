# Seminar learning whose primary network has learnt from the clicks alone before labels and
# a teacher come in, and which learns from all of them twice. Every state of it is tested.
_base_ = 'seminar_tta.py'
metrics = 'test_longer/metrics.json'
tta_metrics = 'test_longer_tta/metrics.json'
clicks_network = '{primary_clicks}/{primary_checkpoint}'
_ancillary, _labels, _primary, *_tests = _base_.stages


def go_on(name, network):
    """All three terms from the weights of a trained network."""
    return dict(
        _primary,
        name=name,
        command=[*_primary['command'], f'load_from={network}'],
        inputs=[*_primary['inputs'], network],
    )


def test(name, network, config='{primary_config}', options=()):
    """The score of a network."""
    return dict(
        name=name,
        command=[
            *('{python}', '{tools}/test.py', config, network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json', *options),
        ],
        inputs=[config, network],
        outputs=['{stage}/metrics.json'],
    )


longer_network = '{primary_longer}/{primary_checkpoint}'
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
    go_on('primary', clicks_network),
    go_on('primary_longer', '{primary}/{primary_checkpoint}'),
    test('test_clicks', clicks_network, '{primary_clicks_config}'),
    *_tests,
    test('test_longer', longer_network),
    test('test_longer_tta', longer_network, options=['--tta']),
]
