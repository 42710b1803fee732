# From tags to a segmenter through an affinity network: a classifier (with its rounds of
# sub-categories) learns from tags, the network learns from what the activation maps are
# sure of, the maps walk along its affinities and become labels, a stock segmenter learns
# from these. A list built on this one sets the configs.
sure = dict(affinity_labels=['4', '32'], refinement='crf')
how = dict(
    affinity_walk=['{affinity_config}', '{affinity.checkpoint}'],
    background_power=16,
    refinement='none',
)
# Where `mmseg-weak compare` finds the results, in the work dir.
metrics = 'test/metrics.json'
tta_metrics = 'test_tta/metrics.json'

_tags = ['{tags}']
stages = [
    dict(type='Train', name='classifier', config='{classifier_config}', inputs=_tags),
    dict(
        type='Label',
        name='affinity_labels',
        network='classifier',
        options='{sure}',
        inputs=_tags,
    ),
    dict(
        type='Train',
        name='affinity',
        config='{affinity_config}',
        labels='affinity_labels',
    ),
    dict(
        type='Label',
        name='labels',
        network='classifier',
        options='{how}',
        inputs=['{tags}', '{affinity_config}', '{affinity.checkpoint}'],
    ),
    dict(type='Train', name='segmenter', config='{segmenter_config}', labels='labels'),
    dict(type='Test', name='test', network='segmenter'),
    dict(type='Test', name='test_tta', network='segmenter', tta=True),
]
