# Controls beside the road from clicks, each with a primary network of the first training's
# length: from ImageNet, labels not refined, refined otherwise, of another fusion or of the
# primary's own architecture, an online peer (refined as it can be online), a second round;
# and no labels, with the iterations of all networks of the road spent on one. In the work
# dir of the road its stages are not run again.
_base_ = 'seminar_from_clicks.py'
metrics = 'test/metrics.json'
tta_metrics = 'test_tta/metrics.json'
# Pixel-adaptive refinement leaves probabilities soft.
soft_threshold = 0.5
# Other peers need another factor on the background.
same_background_prior = 1.0
fused_background_prior = 0.5
second_background_prior = 1.0
_ancillary = ['{ancillary_config}', '{ancillary}/{ancillary_checkpoint}']
_same = ['{primary_clicks_config}', _base_.clicks_network]
_from_clicks = f'load_from={_base_.clicks_network}'
_one_network = '{one_network}/{one_network_checkpoint}'


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
_soft = {'{threshold}': '{soft_threshold}'}
_fused = dict(prior='fused_background_prior')
_online = 'model.pseudo_label'
stages = [
    *_base_.stages,
    learn('primary_imagenet', 'labels', start=None),
    test('primary_imagenet'),
    *variant('unrefined', _ancillary, **{'{refinement}': 'none', **_plain}),
    *variant('par', _ancillary, **{'{refinement}': 'par', **_plain, **_soft}),
    *variant('same', _same, prior='same_background_prior'),
    *variant('mean', [*_ancillary, *_same], **_fused, **{'{fusion}': 'mean'}),
    *variant('agree', [*_ancillary, *_same], **_fused, **{'{fusion}': 'agree'}),
    dict(
        name='primary_online',
        command=[
            *('{train}', '{online_config}', '{processes}', *_base_.resumable),
            *('--cfg-options', _from_clicks),
            _online + '.peers.0.config={ancillary_config}',
            _online + '.peers.0.checkpoint={ancillary}/{ancillary_checkpoint}',
            _online + '.background_prior={background_prior}',
            _online + '.threshold={soft_threshold}',
        ],
        inputs=['{online_config}', *_ancillary, _base_.clicks_network, '{clicks}'],
        outputs=['{stage}/{primary_checkpoint}'],
    ),
    test('primary_online'),
    label(
        '2',
        ['{primary_config}', '{primary}/{primary_checkpoint}'],
        prior='second_background_prior',
    ),
    learn('ancillary_2', 'labels_2', start=None, network='second'),
    label(
        '3',
        ['{second_config}', '{ancillary_2}/{second_checkpoint}'],
        prior='second_background_prior',
    ),
    learn('primary_2', 'labels_3'),
    test('primary_2'),
    dict(
        name='one_network',
        command=[
            *('{train}', '{one_network_config}', '{processes}', *_base_.resumable),
            *('--cfg-options', _from_clicks),
        ],
        inputs=['{one_network_config}', _base_.clicks_network, '{clicks}'],
        outputs=['{stage}/{one_network_checkpoint}'],
    ),
    dict(
        name='test_one_network',
        command=[
            *('{python}', '{tools}/test.py', '{one_network_config}', _one_network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json'),
        ],
        inputs=['{one_network_config}', _one_network],
        outputs=['{stage}/metrics.json'],
    ),
]
