# The road from tags to a segmenter: a classifier (with its rounds of sub-categories) learns
# from tags, its activation maps become labels, a stock segmenter learns from these. A list
# built on this one sets configs, checkpoints and options.
train = ['{python}', '{tools}/train.py']
processes = []  # number of processes, for train = ['{tools}/dist_train.sh']
train_options = []  # further options of every training
how = ['--refinement', 'crf']  # how maps become labels
label_options = []  # further options of every label making, such as --masks FOLDER
maps_options = []  # of the table of background scores, such as --masks FOLDER
workers = 1
device = 'cpu'
neutral = ['workers', 'device']
# Where tools/compare.py finds the results, in the work dir.
metrics = 'test/metrics.json'
tta_metrics = 'test_tta/metrics.json'

resumable = ['--work-dir', '{stage}', '--seed', '{seed}', '--resume', '{train_options}']
label = [
    *('{python}', '{tools}/make_pseudo_labels.py', '{classifier_config}'),
    *('{classifier}/{classifier_checkpoint}', '--out', '{stage}'),
    *('--workers', '{workers}', '--device', '{device}', '{label_options}'),
]
labelled = ['{stage}/report.json', '{stage}/manifest.json']
labels_go_to = 'train_dataloader.dataset.data_prefix.seg_map_path'


def learn_from(name, labels):
    """Train a network on a folder of labels."""
    config, checkpoint = '{' + name + '_config}', '{' + name + '_checkpoint}'
    return dict(
        name=name,
        command=[
            *('{train}', config, '{processes}', *resumable),
            *('--cfg-options', '{labels_go_to}={' + labels + '}'),
        ],
        inputs=[config, '{' + labels + '}/manifest.json'],
        outputs=['{stage}/' + checkpoint],
    )


def test(name, *options):
    """Score the segmenter."""
    network = '{segmenter}/{segmenter_checkpoint}'
    return dict(
        name=name,
        command=[
            *('{python}', '{tools}/test.py', '{segmenter_config}', network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json', *options),
        ],
        inputs=['{segmenter_config}', network],
        outputs=['{stage}/metrics.json'],
    )


classifier = dict(
    name='classifier',
    command=['{train}', '{classifier_config}', '{processes}', *resumable],
    inputs=['{classifier_config}', '{tags}'],
    outputs=['{stage}/{classifier_checkpoint}'],
)
labels_of_maps = dict(
    name='labels',
    command=[*label, '--cams', '{stage}/maps', '{how}'],
    inputs=['{classifier_config}', '{classifier}/{classifier_checkpoint}', '{tags}'],
    outputs=labelled,
)
# What the stored maps, before any refinement, make of each background score.
maps = dict(
    name='maps',
    command=[
        *('{python}', '{tools}/sweep_threshold.py', '{classifier_config}', '{labels}/maps'),
        *('--out', '{stage}/thresholds.json', '{maps_options}'),
    ],
    inputs=['{classifier_config}', '{labels}/manifest.json'],
    outputs=['{stage}/thresholds.json'],
)
segmenter = [learn_from('segmenter', 'labels'), test('test'), test('test_tta', '--tta')]
stages = [classifier, labels_of_maps, maps, *segmenter]
