# Controls beside learning from clicks first, each with a primary network of the first
# training's length: from ImageNet, labels not refined, refined otherwise, of another fusion
# or of the primary's own architecture, an online peer (refined as it can be online), a
# second round; and no labels, with the iterations of all its networks spent on one. In its
# work dir its own stages are not run again.
_base_ = 'stages_seminar-from-clicks_1xb8-600_voc-animals-160x160.py'
metrics, tta_metrics = 'test/metrics.json', 'test_tta/metrics.json'
second_config = 'configs/seminar/hpl_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
online_config = (
    'configs/seminar/hpl-online_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
one_network_config = (
    'configs/seminar/'
    'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
# The iterations of ancillary, clicks and primary of the road from clicks, 600 being done.
one_network_options = {
    'train_cfg.max_iters': 1200,
    'train_cfg.val_interval': 1200,
    'param_scheduler.1.end': 1200,
}
# Pixel-adaptive refinement leaves probabilities soft.
soft_threshold = 0.5
# Other peers need another factor on the background.
same_background_prior = 1.0
fused_background_prior = 0.5
_ancillary, _labels, _first, _primary, _, _, _test, *_ = _base_.stages


def label(name, network, **how):
    """Labels of other peers, or made in another way."""
    return dict(_labels, name=name, network=network, options={**_base_.how, **how})


def variant(name, network, **how):
    """Other labels, the primary network that learns from them, its score."""
    labels, primary = f'labels_{name}', f'primary_{name}'
    return [
        label(labels, network, **how),
        dict(_primary, name=primary, labels=labels),
        dict(_test, name=f'test_{primary}', network=primary),
    ]


_plain = dict(refinement_options=[])
_fused = dict(background_prior='{fused_background_prior}')
_second = dict(background_prior='{second_background_prior}')
_both = ['ancillary', 'primary_clicks']
_online = 'model.pseudo_label'
stages = [
    *_base_.stages,
    dict(_primary, name='primary_imagenet', load_from=None),
    dict(_test, name='test_primary_imagenet', network='primary_imagenet'),
    *variant('unrefined', 'ancillary', refinement='none', **_plain),
    *variant('par', 'ancillary', refinement='par', threshold='{soft_threshold}', **_plain),
    *variant('same', 'primary_clicks', background_prior='{same_background_prior}'),
    *variant('mean', _both, fusion='mean', **_fused),
    *variant('agree', _both, fusion='agree', **_fused),
    dict(
        _first,
        name='primary_online',
        config='{online_config}',
        load_from='primary_clicks',
        options={
            _online + '.peers.0.config': '{ancillary_config}',
            _online + '.peers.0.checkpoint': '{ancillary.checkpoint}',
            _online + '.background_prior': '{background_prior}',
            _online + '.threshold': '{soft_threshold}',
        },
        inputs=['{ancillary_config}', '{ancillary.checkpoint}', '{clicks}'],
    ),
    dict(
        _test,
        name='test_primary_online',
        network='primary_online',
        config='{primary_config}',
    ),
    label('labels_2', 'primary', **_second),
    dict(
        _primary,
        name='ancillary_2',
        config='{second_config}',
        labels='labels_2',
        load_from=None,
    ),
    label('labels_3', 'ancillary_2', **_second),
    dict(_primary, name='primary_2', labels='labels_3'),
    dict(_test, name='test_primary_2', network='primary_2'),
    dict(
        _first,
        name='one_network',
        config='{one_network_config}',
        load_from='primary_clicks',
        options='{one_network_options}',
    ),
    dict(_test, name='test_one_network', network='one_network'),
]
