# Seminar learning: an ancillary network learns from clicks and its teacher, it labels the
# training images, a primary network of another architecture learns from clicks, teacher and
# these labels. A list built on this one takes a file of values too, and sets the configs.
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
stages = [
    dict(type='Train', name='ancillary', config='{ancillary_config}', inputs=_clicks),
    dict(type='Label', name='labels', network='ancillary', options='{how}', inputs=_clicks),
    dict(
        type='Train',
        name='primary',
        config='{primary_config}',
        labels='labels',
        inputs=_clicks,
    ),
    dict(type='Test', name='test', network='primary'),
]
