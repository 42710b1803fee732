"""Every shipped list expands to the stages it had as a template with braces.

``lists.txt`` was written with the code of commit 334d895, the last one with templates, by
``compact(describe(path))``.
"""

from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from toy import REPOSITORY

from mmseg_weak.stages import load_stages

CONFIGS = REPOSITORY / 'configs'
FIXTURE = Path(__file__).with_name('lists.txt')
SEED = 3
# Lists that are options of another one now: its name, its options, and what of the old
# text reads otherwise, such as a part of the names of configs.
TRANSFER = 'transfer/stages_transfer_1xb30_voc12-{}321x321.py'
SPLITS = {f'split{i}': f'voc-{i}' for i in (1, 2, 3)}
SPLITS |= {f'fold{i}': f'pascal-5i-{i}' for i in range(4)}
FOLDED = {
    TRANSFER.format(f'{name}-'): (
        TRANSFER.format(''),
        dict(split=split),
        {f'voc12-{name}-': 'voc12-'},
    )
    for name, split in SPLITS.items()
}
DIRECTION = 'transfer/stages_{}_1xb8-{}_voc-animals{}-160x160.py'
# They have another network and more iterations since.
LITE = {
    'cam_mobilenetv2_': 'cam_efficientnet-lite0_',
    'fpn_mobilenetv2_': 'fpn_efficientnet-lite0_',
    '1xb8-600_': '1xb8-1500_',
    'iter_600': 'iter_1500',
}
FOLDED |= {
    DIRECTION.format(name, 600, f'-{split}'): (
        DIRECTION.format(name, 1500, ''),
        dict(split=split),
        {f'voc-animals-{split}-': 'voc-animals-'} | LITE,
    )
    for name in ('transfer', 'transfer-controls')
    for split in ('dhp', 'ccs')
}
ROAD = 'seminar/stages_seminar{}_4xb4-80k_voc12-512x512.py'
SAME_PEER = 'configs/seminar/teacher_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
FOLDED[ROAD.format('-no-crf')] = ROAD.format(''), dict(refinement='none'), {}
FOLDED[ROAD.format('-same-peer')] = (
    ROAD.format(''),
    dict(ancillary_config=SAME_PEER),
    {},
)
# Twice the iterations were another config.
CONTROLS = 'seminar/stages_seminar-controls_1xb8-600_voc-animals-160x160.py'
START = ' --cfg-options load_from=@primary_clicks/iter_600.pth'
LONGER = ' param_scheduler.1.end=1200 train_cfg.max_iters=1200 train_cfg.val_interval=1200'
ONE = 'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-{}_voc-animals-160x160.py'
FOLDED[CONTROLS] = (
    CONTROLS,
    None,
    {
        ONE.format(1200) + START: ONE.format(600) + START + LONGER,
        ONE.format(1200): ONE.format(600),
    },
)
# Lists that had no template, or have other networks since.
TAGS = 'sub_category/stages_tags_1xb8-1500_voc-animals-160x160.py'
OTHERS = {TAGS, TAGS.replace('tags_', 'tags-affinity_')}
LATER = {
    f'seminar/stages_{name}-160x160.py'
    for name in (
        'labels_1xb8-1500_voc-animals',
        'labels-edges_1xb8-1500_voc-animals',
        'labels_1xb8-600_small-sets',
    )
}
ROUNDS = {
    f'sub_category/stages_sub-category_1xb8-{name}-160x160.py'
    for name in ('1500_voc-animals', '600_msrc21')
}
# An entry of PseudoLabelDataset that has its name since.
RENAMED = 'dataset.data_prefix.seg_map_path=@', 'dataset.pseudo_label_dir=@'
# What a verb was called as: a file of tools/, which a wheel does not hold.
VERBS = {
    'train.py': 'train',
    'test.py': 'test',
    'make_pseudo_labels.py': 'label',
    'sweep_threshold.py': 'sweep',
}


def program(words):
    """Verb and remaining words of a command, however it is started."""
    if words[0].endswith('dist_train.sh'):
        return 'train', [*words[1:2], f'processes={words[2]}', *words[3:]]
    words, processes = list(words[1:]), []
    if words[:2] == ['-m', 'torch.distributed.run']:
        launcher = words.index('--launcher')
        assert words[launcher + 1] == 'pytorch'
        del words[launcher : launcher + 2]
        processes = [words[2].replace('--nproc_per_node', 'processes')]
        words = ['-m', *words[4:]]
    if words[:2] == ['-m', 'mmseg_weak']:
        return words[2], [words[3], *processes, *words[4:]]
    return VERBS[Path(words[0]).name], words[1:]


def canonical(words):
    """Command whose options stand in the order of the alphabet, given twice joined."""
    verb, words = program(words)
    groups = [[]]
    for word in words:
        if word.startswith('--'):
            groups.append([])
        groups[-1].append(word)
    positional, *options = groups
    merged = {}
    for option, *values in options:
        merged.setdefault(option, []).extend(values)
    if '--cfg-options' in merged:
        merged['--cfg-options'].sort()
    words = (word for option in sorted(merged) for word in (option, *merged[option]))
    return ' '.join([verb, *positional, *words])


def describe(path, work='/work'):
    """Lines of text on all stages of a list."""
    lines = [f'# {path}']
    name, options, _ = FOLDED.get(path, (path, None, {}))
    path = REPOSITORY / 'configs' / name
    for stage in load_stages(str(path), work, SEED, options):
        rows = dict(
            run=[canonical(stage.command)],
            reads=sorted(map(str, stage.inputs.values())),
            writes=sorted(map(str, stage.outputs)),
            env=[f'{key}={value}' for key, value in sorted(stage.env.items())],
            needs=sorted(stage.needs),
        )
        lines.append(f'[{stage.name}]')
        lines += [f'{key} {" ".join(words)}' for key, words in rows.items() if words]
    return [line.replace(work + '/', '@') for line in lines]


def compact(lines):
    """Long words that come again as $1, $2, …, explained where they first occur."""
    counts = Counter(word for line in lines for word in line.split(' '))
    names = {}

    def short(word):
        if len(word) < 8 or counts[word] == 1:
            return word
        known = word in names
        name = names.setdefault(word, f'${len(names) + 1}')
        return name if known else f'{name}={word}'

    return [' '.join(map(short, line.split(' '))) for line in lines]


def expanded(lines):
    """The inverse of :func:`compact`."""
    names = {}

    def whole(word):
        if not word.startswith('$'):
            return word
        name, given, meaning = word.partition('=')
        return names.setdefault(name, meaning) if given else names[name]

    return [' '.join(map(whole, line.split(' '))) for line in lines]


def paths():
    """Names that all lists had."""
    folder = REPOSITORY / 'configs'
    names = {str(path.relative_to(folder)) for path in folder.glob('*/stages_*.py')}
    # Names that none had.
    targets = {TRANSFER.format('')}
    targets |= {DIRECTION.format(f'transfer{kind}', 1500, '') for kind in ('', '-controls')}
    return sorted(names - targets - LATER - ROUNDS - OTHERS | FOLDED.keys())


def folded(lines, path):
    """What a list was, as it reads now."""
    _, options, words = FOLDED.get(path, (path, None, {}))
    split = (options or {}).get('split')
    for line in lines:
        line = line.replace(*RENAMED)
        for old, new in words.items() if not line.startswith('# ') else ():
            line = line.replace(old, new)
        yield line
        if line.startswith('writes ') and split:
            yield f'env SPLIT={split}'


@pytest.fixture(scope='module')
def before():
    """Lines of the fixture by list."""
    lists = {}
    for line in expanded(FIXTURE.read_text().splitlines()):
        if line.startswith('# '):
            lines = lists.setdefault(line[2:], [])
        lines.append(line)
    return lists


@pytest.mark.parametrize('path', paths())
def test_list_expands_to_what_it_was(path, before):
    assert describe(path) == list(folded(before[path], path))


def test_no_list_was_lost(before):
    assert paths() == sorted(before)


@pytest.mark.parametrize('path', sorted(LATER))
def test_labels_of_the_first_network_train_the_second(path):
    stages = {s.name: s for s in load_stages(str(REPOSITORY / 'configs' / path))}
    training, labels, student = (stages[n] for n in ('training', 'labels', 'student'))
    assert str(training.checkpoint) in map(str, labels.inputs.values())
    assert (labels.needs, student.needs) == (('training',), ('labels',))
    tested = map(str, stages['test_student'].inputs.values())
    assert str(student.checkpoint) in tested
    how = labels.command[labels.command.index('--labeller') + 1]
    assert how.endswith('hed_crf.py') if 'edges' in path else how == 'features'


@pytest.mark.parametrize('path', sorted(ROUNDS))
def test_a_round_clusters_the_network_before_it(path):
    stages = {s.name: s for s in load_stages(str(REPOSITORY / 'configs' / path))}
    for before, name in (('training', 'round_1'), ('round_1', 'round_2')):
        stage, checkpoint = stages[name], stages[before].checkpoint
        assert f'custom_hooks.2.features_from={checkpoint}' in stage.command
        assert before in stage.needs
        assert stages[name.replace('round', 'maps')].needs == (name,)
    config = next(word for word in stages['round_1'].command if word.endswith('.py'))
    hook = Config.fromfile(REPOSITORY / config).custom_hooks[2]
    assert hook.type == 'SubCategoryClusteringHook'


def test_features_learn_from_maps_before_a_segmenter_learns_from_features():
    stages = {s.name: s for s in load_stages(str(REPOSITORY / 'configs' / TAGS))}
    needs = {name: stage.needs for name, stage in stages.items()}
    assert needs['maps'] == ('training',)
    assert needs['labels'] == ('maps',)
    assert needs['student'] == ('labels',)
    words = list(stages['labels'].command)
    assert words[words.index('--learn-from') + 1].endswith('/maps')
    assert not any(word.endswith('.pth') for word in words)


@pytest.mark.parametrize('path', sorted(map(str, CONFIGS.glob('*/stages_*.py'))))
def test_every_training_on_labels_takes_their_folder(path, monkeypatch, tmp_path):
    """With the options of its command, in the way in which ``train`` reads them."""
    init_default_scope('mmseg')
    for stage in load_stages(path, str(tmp_path), SEED):
        words = list(stage.command)
        if words[1:4] != ['-m', 'mmseg_weak', 'train'] or '--cfg-options' not in words:
            continue
        for name, value in stage.env.items():
            monkeypatch.setenv(name, value)
        config = Config.fromfile(REPOSITORY / words[4])
        options = [word for word in words if '.dataset.' in word and '=' in word]
        config.merge_from_dict(dict(option.split('=', 1) for option in options))
        dataset = config.train_dataloader.dataset
        if dataset.type == 'PseudoLabelDataset':
            built = DATASETS.build(dict(dataset, lazy_init=True))
            assert built.data_prefix['seg_map_path'] == options[-1].split('=')[1]
