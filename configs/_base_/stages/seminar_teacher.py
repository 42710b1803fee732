# The whole method with teachers that start from trained networks: each network learns from
# clicks alone before its teacher, and the primary one also the labels, come in.
_base_ = 'seminar_tta.py'


def from_clicks(stage, start):
    """The same stage from the checkpoint of another one."""
    return dict(
        stage,
        command=[*stage['command'], '--cfg-options', f'load_from={start}'],
        inputs=[*stage['inputs'], start],
    )


def clicks(network):
    """A training from clicks alone."""
    config = '{' + network + '_clicks_config}'
    return dict(
        name=f'{network}_clicks',
        command=['{train}', config, '{processes}', *_base_.resumable],
        inputs=[config, '{clicks}'],
        outputs=['{stage}/{' + network + '_checkpoint}'],
    )


_ancillary, _labels, _primary, *_tests = _base_.stages
stages = [
    clicks('ancillary'),
    from_clicks(_ancillary, '{ancillary_clicks}/{ancillary_checkpoint}'),
    _labels,
    clicks('primary'),
    from_clicks(_primary, '{primary_clicks}/{primary_checkpoint}'),
    *_tests,
]
