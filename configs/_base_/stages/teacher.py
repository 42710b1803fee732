# A teacher that starts from a trained network: clicks alone first, then clicks and teacher.
# Beside it as many iterations of clicks alone. A list built on this one sets the configs.
train = ['{python}', '{tools}/train.py']
processes = []  # number of processes, for train = ['{tools}/dist_train.sh']
train_options = []  # further options of every training
data_options = []  # such as ['--cfg-options', 'train_dataloader.dataset.max_rank=1']
# Where tools/compare.py finds the result, in the work dir.
metrics = 'test_teacher/metrics.json'

resumable = [
    *('--work-dir', '{stage}', '--seed', '{seed}', '--resume'),
    *('{train_options}', '{data_options}'),
]
start = '{clicks_first}/{checkpoint}'


def go_on(name, config):
    """Train from the network that learnt from clicks alone."""
    return dict(
        name=name,
        command=[
            *('{train}', config, '{processes}', *resumable),
            *('--cfg-options', f'load_from={start}'),
        ],
        inputs=[config, start, '{clicks}'],
        outputs=['{stage}/{checkpoint}'],
    )


def test(name, config):
    """Score a network."""
    network = '{' + name + '}/{checkpoint}'
    return dict(
        name=f'test_{name}',
        command=[
            *('{python}', '{tools}/test.py', config, network),
            *('--work-dir', '{stage}', '--metrics-out', '{stage}/metrics.json'),
        ],
        inputs=[config, network],
        outputs=['{stage}/metrics.json'],
    )


stages = [
    dict(
        name='clicks_first',
        command=['{train}', '{clicks_config}', '{processes}', *resumable],
        inputs=['{clicks_config}', '{clicks}'],
        outputs=['{stage}/{checkpoint}'],
    ),
    go_on('teacher', '{teacher_config}'),
    go_on('teacher_free', '{teacher_free_config}'),
    go_on('more_clicks', '{clicks_config}'),
    test('clicks_first', '{clicks_config}'),
    test('teacher', '{teacher_config}'),
    test('teacher_free', '{teacher_free_config}'),
    test('more_clicks', '{clicks_config}'),
]
