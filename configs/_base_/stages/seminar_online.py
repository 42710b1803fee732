# No labels on disk: the ancillary network labels the crops of the primary while it trains.
_base_ = 'seminar_tta.py'
_peer = 'model.pseudo_label.peers.0'
_ancillary, _, _, *_tests = _base_.stages
stages = [
    _ancillary,
    dict(
        type='Train',
        name='primary',
        config='{primary_config}',
        options={
            _peer + '.config': '{ancillary_config}',
            _peer + '.checkpoint': '{ancillary.checkpoint}',
        },
        inputs=['{ancillary_config}', '{ancillary.checkpoint}', '{clicks}'],
    ),
    *_tests,
]
