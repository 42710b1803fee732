# From tags to a segmenter: a classifier learns the tags, its activation maps become labels,
# a linear classifier of frozen features learns from these and labels the images again, and
# a segmenter learns from the result as if it were masks. A list built on this one sets the
# two configs.
scales = ['1.0']
# Features outvote what single maps have wrong, but not what all have: Otsu's score leaves
# more background than Li's.
background_score = 'otsu'
refinement = 'crf'
refinement_options = ['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
map_options = dict(
    scales='{scales}',
    background_score='{background_score}',
    refinement='{refinement}',
    refinement_options='{refinement_options}',
)
how = dict(
    data='{tags_config}',
    labeller='features',
    learn_from='{maps}',
    threshold='0',
    refinement='{refinement}',
    refinement_options='{refinement_options}',
)
tags = []
_tags = ['{tags}']
stages = [
    dict(type='Train', name='training', config='{tags_config}', inputs=_tags),
    dict(
        type='Label',
        name='maps',
        network='training',
        options='{map_options}',
        inputs=_tags,
    ),
    dict(
        type='Label',
        name='labels',
        options='{how}',
        inputs=['{maps}/manifest.json', '{tags}'],
    ),
    dict(type='Train', name='student', config='{student_config}', labels='labels'),
]
without_features = [stages[0], dict(stages[1], name='labels'), stages[3]]
