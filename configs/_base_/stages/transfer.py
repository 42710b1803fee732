# Label and prediction transfer: a foreground network from strong masks, a tag classifier,
# pseudo-masks of the weak images, a segmenter, P-Net alone, both in turn. A list built on
# this one sets the configs.
masks = []  # folders of strong masks: correct one, and what learnt from it is run again
# Seeds must be foreground for L-Net too. Chosen on the labels of voc_animals
# with SPLIT=ccs.
diffusion = [
    *('beta=30', 'foreground_weight=3', 'seed_foreground=0.4'),
    *('background_cam=0.3', 'background_foreground=0.3'),
]
scales = ['0.75', '1.0', '1.5']
how = dict(
    label_transfer=['{lnet_config}', '{lnet.checkpoint}'],
    data='{seg_config}',
    overwrite=True,
    scales='{scales}',
    diffusion='{diffusion}',
)
# Where `mmseg-weak compare` finds the result, in the work dir.
metrics = 'test/metrics.json'

_all = ['{tags}', '{masks}']
stages = [
    dict(type='Train', name='lnet', config='{lnet_config}', inputs=_all),
    dict(type='Train', name='cam', config='{cam_config}', inputs=['{tags}']),
    dict(
        type='Label',
        name='labels',
        network='cam',
        options='{how}',
        inputs=['{lnet_config}', '{lnet.checkpoint}', '{seg_config}', '{tags}'],
    ),
    dict(
        type='Train',
        name='segmenter',
        config='{seg_config}',
        labels='labels',
        inputs=_all,
    ),
    dict(type='Test', name='test-segmenter', network='segmenter'),
    dict(
        type='Train',
        name='pretrain',
        config='{pretrain_config}',
        load_from='segmenter',
        inputs=_all,
    ),
    dict(
        type='Train',
        name='pnet',
        config='{pnet_config}',
        labels='labels',
        load_from='pretrain',
        inputs=_all,
    ),
    dict(type='Test', name='test', network='pnet', config='{seg_config}'),
]
