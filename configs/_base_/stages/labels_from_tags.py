# From tags to a segmenter: a classifier learns the tags and labels its training images by
# activation maps, a segmenter learns from these labels as if they were masks. A list built
# on this one sets the two configs.
scales = ['0.75', '1.0', '1.5']
refinement = 'crf'
refinement_options = ['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
how = dict(
    scales='{scales}',
    refinement='{refinement}',
    refinement_options='{refinement_options}',
)
tags = []
_tags = ['{tags}']
stages = [
    dict(type='Train', name='training', config='{tags_config}', inputs=_tags),
    dict(
        type='Label',
        name='labels',
        network='training',
        options='{how}',
        inputs=_tags,
    ),
    dict(type='Train', name='student', config='{student_config}', labels='labels'),
]
