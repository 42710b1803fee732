# Seminar learning: an ancillary network learns from clicks and its teacher, it labels the
# training images, a primary network of another architecture learns from clicks, teacher and
# these labels. A list built on this one sets the configs, may change values, and takes
# another of the roads below by `stages = _base_.two_rounds`.
threshold = 0.7
class_restriction = 'renormalise'
background_prior = 1.0
fusion = 'mean'
refinement = 'crf'
refinement_options = []  # such as ['bilateral_sxy=50']
# Networks that learnt from labels of the first round have another bias.
second_background_prior = 1.0
# Where `mmseg-weak compare` finds the result, in the work dir.
metrics = 'test/metrics.json'
labels_go_to = 'train_dataloader.dataset.pipeline.1.pseudo_label_dir'
how = dict(
    fusion='{fusion}',
    threshold='{threshold}',
    class_restriction='{class_restriction}',
    background_prior='{background_prior}',
    refinement='{refinement}',
    refinement_options='{refinement_options}',
)
_clicks = ['{clicks}']
_ancillary = dict(
    type='Train', name='ancillary', config='{ancillary_config}', inputs=_clicks
)
_labels = dict(
    type='Label', name='labels', network='ancillary', options='{how}', inputs=_clicks
)
_primary = dict(
    type='Train',
    name='primary',
    config='{primary_config}',
    labels='labels',
    inputs=_clicks,
)
_test = dict(type='Test', name='test', network='primary')
_test_tta = dict(_test, name='test_tta', tta=True)
stages = [_ancillary, _labels, _primary, _test]

# The same with a test at several scales and with flip.
with_tta = [*stages, _test_tta]

# A second round with swapped roles: the primary network labels for a new ancillary one,
# which labels for a new primary one. Both start from their pre-trained weights again.
_how_2 = dict(how, background_prior='{second_background_prior}')
two_rounds = [
    *with_tta,
    dict(_labels, name='labels_2', network='primary', options=_how_2),
    dict(_primary, name='ancillary_2', config='{second_config}', labels='labels_2'),
    dict(_labels, name='labels_3', network='ancillary_2', options=_how_2),
    dict(_primary, name='primary_2', labels='labels_3'),
    dict(_test, name='test_2', network='primary_2'),
    dict(_test_tta, name='test_tta_2', network='primary_2'),
]

# No labels on disk: the ancillary network labels the crops of the primary while it trains.
_peer = 'model.pseudo_label.peers.0'
online = [
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
    _test,
    _test_tta,
]

# One network: clicks alone, then all three terms with the labels that it has made itself.
self_training = [
    _ancillary,
    _labels,
    dict(_primary, load_from='ancillary'),
    _test,
    _test_tta,
]

# The primary network learns from the clicks alone before labels and a teacher come in, and
# from all of them twice. Every state of it is tested.
from_clicks = [
    _ancillary,
    _labels,
    dict(_ancillary, name='primary_clicks', config='{primary_clicks_config}'),
    dict(_primary, load_from='primary_clicks'),
    dict(_primary, name='primary_longer', load_from='primary'),
    dict(_test, name='test_clicks', network='primary_clicks'),
    _test,
    _test_tta,
    dict(_test, name='test_longer', network='primary_longer'),
    dict(_test_tta, name='test_longer_tta', network='primary_longer'),
]
