# One network: clicks alone, then all three terms with the labels that it has made itself.
_base_ = 'seminar_tta.py'
_network = '{ancillary}/{ancillary_checkpoint}'
_ancillary, _labels, _primary, *_tests = _base_.stages
stages = [
    _ancillary,
    _labels,
    dict(
        _primary,
        command=[*_primary['command'], f'load_from={_network}'],
        inputs=[*_primary['inputs'], _network],
    ),
    *_tests,
]
