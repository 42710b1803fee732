# From clicks to labels of every pixel: a network learns from clicks alone and labels its
# training images together with a linear classifier of frozen features, a second one learns
# from these labels as if they were masks. A list built on this one sets the two configs.
# Values chosen on 50 training images of voc_animals.
labeller = 'features'  # or segmentor, the network alone
scales = ['1.0', '1.5']
threshold = 0.5
background_prior = 0.5
temperature = 2.0
refinement = 'crf'
refinement_options = ['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
how = dict(
    labeller='{labeller}',
    scales='{scales}',
    threshold='{threshold}',
    background_prior='{background_prior}',
    temperature='{temperature}',
    refinement='{refinement}',
    refinement_options='{refinement_options}',
)
clicks = []
_clicks = ['{clicks}']
stages = [
    dict(type='Train', name='training', config='{clicks_config}', inputs=_clicks),
    dict(
        type='Label',
        name='labels',
        network='training',
        options='{how}',
        inputs=_clicks,
    ),
    dict(type='Train', name='student', config='{student_config}', labels='labels'),
]
