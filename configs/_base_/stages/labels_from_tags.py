# From tags to a segmenter: a classifier learns the tags and labels its training images by
# activation maps, a segmenter learns from these labels, labels the images better, as far as
# their tags allow, and a second one learns from that. A list built on this one sets the two
# configs.
scales = ['0.75', '1.0', '1.5']
refinement = 'crf'
refinement_options = ['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
how = dict(
    scales='{scales}',
    refinement='{refinement}',
    refinement_options='{refinement_options}',
)

threshold = 0.0  # of the second labels
how_again = dict(how, data='{tags_config}', threshold='{threshold}')
tags = []
_tags = ['{tags}']
stages = [
    dict(type='Train', name='training', config='{tags_config}', inputs=_tags),
    dict(
        type='Label',
        name='first_labels',
        network='training',
        options='{how}',
        inputs=_tags,
    ),
    dict(type='Train', name='first', config='{student_config}', labels='first_labels'),
    dict(
        type='Label',
        name='labels',
        network='first',
        options='{how_again}',
        inputs=['{tags_config}', *_tags],
    ),
    dict(type='Train', name='student', config='{student_config}', labels='labels'),
]
