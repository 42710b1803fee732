# The same through an affinity network: it learns from what the maps are sure of, and the
# maps walk along its affinities before they become labels.
_base_ = 'tags.py'
sure = dict(affinity_labels=['4', '32'], refinement='crf')
how = dict(
    _delete_=True,
    affinity_walk=['{affinity_config}', '{affinity.checkpoint}'],
    background_power=16,
    refinement='none',
)
_classifier, _labels, _, _segmenter, *_tests = _base_.stages
stages = [
    _classifier,
    dict(_labels, name='affinity_labels', options='{sure}'),
    dict(_segmenter, name='affinity', config='{affinity_config}', labels='affinity_labels'),
    dict(_labels, inputs=['{tags}', '{affinity_config}', '{affinity.checkpoint}']),
    _segmenter,
    *_tests,
]
