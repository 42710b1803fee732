# No labels on disk: the ancillary network labels the crops of the primary while it trains.
_base_ = 'seminar_tta.py'
_peer = 'model.pseudo_label.peers.0'
stages = [stage for stage in _base_.stages if stage['name'] not in ('labels', 'primary')]
stages.append(
    dict(
        name='primary',
        command=[
            *('{train}', '{primary_config}', '{processes}', *_base_.resumable),
            *('--cfg-options', _peer + '.config={ancillary_config}'),
            _peer + '.checkpoint={ancillary}/{ancillary_checkpoint}',
        ],
        inputs=[
            *('{primary_config}', '{ancillary_config}'),
            *('{ancillary}/{ancillary_checkpoint}', '{clicks}'),
        ],
        outputs=['{stage}/{primary_checkpoint}'],
    )
)
