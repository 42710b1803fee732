# From tags to a segmenter: a classifier (with its rounds of sub-categories) learns from
# tags, its activation maps become labels, a stock segmenter learns from these. A list built
# on this one sets the configs.
how = dict(cams='{stage}/maps', refinement='crf')  # how maps become labels
maps_options = []  # of the table of background scores, such as --masks FOLDER
# Where `mmseg-weak compare` finds the results, in the work dir.
metrics = 'test/metrics.json'
tta_metrics = 'test_tta/metrics.json'

_tags = ['{tags}']
stages = [
    dict(type='Train', name='classifier', config='{classifier_config}', inputs=_tags),
    dict(type='Label', name='labels', network='classifier', options='{how}', inputs=_tags),
    # What the stored maps, before any refinement, make of each background score.
    dict(
        name='maps',
        command=[
            *('{python}', '-m', 'mmseg_weak', 'sweep', '{classifier_config}'),
            *('{labels}/maps', '--out', '{stage}/thresholds.json', '{maps_options}'),
        ],
        inputs=['{classifier_config}', '{labels}/manifest.json'],
        outputs=['{stage}/thresholds.json'],
    ),
    dict(type='Train', name='segmenter', config='{segmenter_config}', labels='labels'),
    dict(type='Test', name='test', network='segmenter'),
    dict(type='Test', name='test_tta', network='segmenter', tta=True),
]
