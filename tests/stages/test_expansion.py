"""Every shipped list expands to the stages it had as a template with braces.

``lists.txt`` was written with the code of commit 334d895, the last one with templates, by
``compact(describe(path))``.
"""

from collections import Counter
from pathlib import Path

import pytest
from toy import REPOSITORY

from mmseg_weak.stages import load_stages

FIXTURE = Path(__file__).with_name('lists.txt')
SEED = 3
# Lists of one split each that are one list now: the value of its variable SPLIT. Their
# configs lost the same part of their names.
SPLITS = {f'split{i}': f'voc-{i}' for i in (1, 2, 3)}
SPLITS |= {f'fold{i}': f'pascal-5i-{i}' for i in range(4)}
# Lists that had no template.
LATER = {
    f'seminar/stages_{name}_1xb8-1500_voc-animals-160x160.py'
    for name in ('labels', 'labels-edges')
}
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


def split_of(path):
    """Name and value of the split of a list that was folded into another one."""
    return next(((k, v) for k, v in SPLITS.items() if f'voc12-{k}-' in path), (None, None))


def describe(path, work='/work'):
    """Lines of text on all stages of a list."""
    lines = [f'# {path}']
    name, split = split_of(path)
    options = dict(split=split) if name else None
    path = REPOSITORY / 'configs' / path.replace(f'-{name}-', '-')
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
    """Names of all lists, also of those that were folded into one."""
    folder, folded = (
        REPOSITORY / 'configs',
        'transfer/stages_transfer_1xb30_voc12-321x321.py',
    )
    names = {str(path.relative_to(folder)) for path in folder.glob('*/stages_*.py')}
    more = {folded.replace('voc12-', f'voc12-{name}-') for name in SPLITS}
    return sorted(names - {folded} - LATER | more)


def folded(lines, name, split):
    """What a list of one split was, in terms of the list of all splits."""
    for line in lines:
        yield line if line.startswith('# ') else line.replace(f'voc12-{name}-', 'voc12-')
        if line.startswith('writes ') and name:
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
    assert describe(path) == list(folded(before[path], *split_of(path)))


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
    assert ('--labeller' in labels.command) == ('edges' in path)
