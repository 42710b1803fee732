# Each free choice of seminar learning changed alone, beside the road itself: the start of
# the primary network, labels refined otherwise, of another fusion or of the primary's own
# architecture, an online peer, a second round.
_base_ = 'seminar_from_clicks.py'
# Other peers need another factor on the background.
same_background_prior = 1.0
fused_background_prior = 0.5
second_background_prior = 1.0
_ancillary = ['{ancillary_config}', '{ancillary}/{ancillary_checkpoint}']
_same = ['{primary_clicks_config}', _base_.clicks_network]
_from_clicks = f'load_from={_base_.clicks_network}'


def label(name, peers, prior='background_prior', **changes):
    """Labels of other peers, or made in another way."""
    changes = {'{background_prior}': '{' + prior + '}', **changes}
    how = [changes.get(word, word) for word in _base_.how]
    return dict(
        name=f'labels_{name}',
        command=['{label}', *peers, *(word for word in how if word != '')],
        inputs=[*peers, '{clicks}'],
        outputs=_base_.labelled,
    )


def learn(name, labels, start=_from_clicks, network='primary'):
    """A training from labels."""
    config, checkpoint = '{' + network + '_config}', '{' + network + '_checkpoint}'
    starts = [start.removeprefix('load_from=')] if start else []
    return dict(
        name=name,
        command=[
            *('{train}', config, '{processes}', *_base_.resumable, '--cfg-options'),
            *('{labels_go_to}={' + labels + '}', *([start] if start else [])),
        ],
        inputs=[config, '{' + labels + '}/manifest.json', '{clicks}', *starts],
        outputs=['{stage}/' + checkpoint],
    )


def test(name):
    """The score of a primary network."""
    network = '{' + name + '}/{primary_checkpoint}'
    return dict(
        name=f'test_{name}',
        command=[
            *('{python}', '{tools}/test.py', '{primary_config}', network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json'),
        ],
        inputs=['{primary_config}', network],
        outputs=['{stage}/metrics.json'],
    )


def variant(name, peers, **changes):
    """Other labels, the primary network that learns from them, its score."""
    primary = f'primary_{name}'
    labels = label(name, peers, **changes)
    return [labels, learn(primary, labels['name']), test(primary)]


_plain = {'{refinement_options}': ''}
_fused = dict(prior='fused_background_prior')
_peer = 'model.pseudo_label.peers.0'
stages = [
    *_base_.stages,
    learn('primary_imagenet', 'labels', start=None),
    test('primary_imagenet'),
    *variant('none', _ancillary, **{'{refinement}': 'none', **_plain}),
    *variant('par', _ancillary, **{'{refinement}': 'par', **_plain}),
    *variant('same', _same, prior='same_background_prior'),
    *variant('mean', [*_ancillary, *_same], **_fused, **{'{fusion}': 'mean'}),
    *variant('agree', [*_ancillary, *_same], **_fused, **{'{fusion}': 'agree'}),
    dict(
        name='primary_online',
        command=[
            *('{train}', '{online_config}', '{processes}', *_base_.resumable),
            *('--cfg-options', _from_clicks, _peer + '.config={ancillary_config}'),
            _peer + '.checkpoint={ancillary}/{ancillary_checkpoint}',
        ],
        inputs=['{online_config}', *_ancillary, _base_.clicks_network, '{clicks}'],
        outputs=['{stage}/{primary_checkpoint}'],
    ),
    test('primary_online'),
    label(
        'two',
        ['{primary_config}', '{primary}/{primary_checkpoint}'],
        prior='second_background_prior',
    ),
    learn('second_ancillary', 'labels_two', start=None, network='second'),
    label(
        'three',
        ['{second_config}', '{second_ancillary}/{second_checkpoint}'],
        prior='second_background_prior',
    ),
    learn('primary_two_rounds', 'labels_three'),
    test('primary_two_rounds'),
]
