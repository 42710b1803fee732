# The road of label and prediction transfer: a foreground network from strong masks, a tag
# classifier, pseudo-masks of the weak images, a segmenter, P-Net alone, both in turn. A
# list built on this one sets configs and checkpoints.
train = ['{python}', '{tools}/train.py']
processes = []  # number of processes, for train = ['{tools}/dist_train.sh']
masks = []  # folders of strong masks: correct one, and what learnt from it is run again
train_options = []  # further options of every training
label_options = []  # such as '--transfer-method', 'cam'
# Seeds must be foreground for L-Net too. Chosen on the labels of voc_animals-ccs.
diffusion = [
    *('beta=30', 'foreground_weight=3', 'seed_foreground=0.4'),
    *('background_cam=0.3', 'background_foreground=0.3'),
]
scales = ['0.75', '1.0', '1.5']
workers = 1
device = 'cpu'
neutral = ['workers', 'device']
# Where in the segmenter's config the label folder belongs.
labels_go_to = 'train_dataloader.dataset.pseudo_label_dir'
# Where tools/compare.py finds the result, in the work dir.
metrics = 'test/metrics.json'

resumable = ['--work-dir', '{stage}', '--seed', '{seed}', '--resume', '{train_options}']
test = [
    *('{python}', '{tools}/test.py', '{seg_config}'),
]
score = ['--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json']

stages = [
    dict(
        name='lnet',
        command=['{train}', '{lnet_config}', '{processes}', *resumable],
        inputs=['{lnet_config}', '{tags}', '{masks}'],
        outputs=['{stage}/{lnet_checkpoint}'],
    ),
    dict(
        name='cam',
        command=['{train}', '{cam_config}', '{processes}', *resumable],
        inputs=['{cam_config}', '{tags}'],
        outputs=['{stage}/{cam_checkpoint}'],
    ),
    dict(
        name='labels',
        command=[
            *('{python}', '{tools}/make_pseudo_labels.py'),
            *('{cam_config}', '{cam}/{cam_checkpoint}'),
            *('--label-transfer', '{lnet_config}', '{lnet}/{lnet_checkpoint}'),
            *('--data', '{seg_config}', '--out', '{stage}', '--overwrite'),
            *('--scales', '{scales}', '--diffusion', '{diffusion}'),
            *('--workers', '{workers}', '--device', '{device}', '{label_options}'),
        ],
        inputs=[
            *('{lnet_config}', '{cam_config}', '{seg_config}', '{tags}'),
            *('{lnet}/{lnet_checkpoint}', '{cam}/{cam_checkpoint}'),
        ],
        outputs=['{stage}/report.json', '{stage}/manifest.json'],
    ),
    dict(
        name='segmenter',
        command=[
            *('{train}', '{seg_config}', '{processes}', *resumable),
            *('--cfg-options', '{labels_go_to}={labels}'),
        ],
        inputs=['{seg_config}', '{labels}/manifest.json', '{tags}', '{masks}'],
        outputs=['{stage}/{seg_checkpoint}'],
    ),
    dict(
        name='test-segmenter',
        command=[*test, '{segmenter}/{seg_checkpoint}', *score],
        inputs=['{seg_config}', '{segmenter}/{seg_checkpoint}'],
        outputs=['{stage}/metrics.json'],
    ),
    dict(
        name='pretrain',
        command=[
            *('{train}', '{pretrain_config}', '{processes}', *resumable),
            *('--cfg-options', 'load_from={segmenter}/{seg_checkpoint}'),
        ],
        inputs=[
            *('{pretrain_config}', '{segmenter}/{seg_checkpoint}', '{tags}', '{masks}'),
        ],
        outputs=['{stage}/{pretrain_checkpoint}'],
    ),
    dict(
        name='pnet',
        command=[
            *('{train}', '{pnet_config}', '{processes}', *resumable),
            *('--cfg-options', 'load_from={pretrain}/{pretrain_checkpoint}'),
            '{labels_go_to}={labels}',
        ],
        inputs=[
            *('{pnet_config}', '{pretrain}/{pretrain_checkpoint}'),
            *('{labels}/manifest.json', '{tags}', '{masks}'),
        ],
        outputs=['{stage}/{pnet_checkpoint}'],
    ),
    dict(
        name='test',
        command=[*test, '{pnet}/{pnet_checkpoint}', *score],
        inputs=['{seg_config}', '{pnet}/{pnet_checkpoint}'],
        outputs=['{stage}/metrics.json'],
    ),
]
