# A second round with swapped roles: the primary network labels for a new ancillary one,
# which labels for a new primary one. Both start from their pre-trained weights again.
_base_ = 'seminar_tta.py'
metrics = 'test_2/metrics.json'
tta_metrics = 'test_tta_2/metrics.json'
# Networks that learnt from labels of the first round have another bias.
second_background_prior = 1.0
_prior = {'{background_prior}': '{second_background_prior}'}
_how = [_prior.get(word, word) for word in _base_.how]


def label_with(name, config, network):
    """The labels of one network."""
    return dict(
        name=name,
        command=['{label}', config, network, *_how],
        inputs=[config, network, '{clicks}'],
        outputs=_base_.labelled,
    )


def learn_from(name, labels, config, checkpoint):
    """A training from such labels."""
    return dict(
        name=name,
        command=[
            *('{train}', config, '{processes}', *_base_.resumable),
            *('--cfg-options', '{labels_go_to}={' + labels + '}'),
        ],
        inputs=[config, '{' + labels + '}/manifest.json', '{clicks}'],
        outputs=['{stage}/' + checkpoint],
    )


def test(name, *options):
    """A test of the last network."""
    network = '{primary_2}/{primary_checkpoint}'
    return dict(
        name=name,
        command=[
            *('{python}', '{tools}/test.py', '{primary_config}', network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json', *options),
        ],
        inputs=['{primary_config}', network],
        outputs=['{stage}/metrics.json'],
    )


stages = [
    *_base_.stages,
    label_with('labels_2', '{primary_config}', '{primary}/{primary_checkpoint}'),
    learn_from('ancillary_2', 'labels_2', '{second_config}', '{ancillary_checkpoint}'),
    label_with('labels_3', '{second_config}', '{ancillary_2}/{ancillary_checkpoint}'),
    learn_from('primary_2', 'labels_3', '{primary_config}', '{primary_checkpoint}'),
    test('test_2'),
    test('test_tta_2', '--tta'),
]
