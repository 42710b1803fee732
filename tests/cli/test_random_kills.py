"""Commands that are ended at random moments lose nothing and leave no process behind."""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS
from PIL import Image
from toy import CLASSES, resumable_config

from mmseg_weak.cli import run_verb

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='asks the kernel'
)
ROWS, ITERATIONS = 4000, 8
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STEP = (
    'i=$(cat {stage}/count 2>/dev/null || echo 0); while test $i -lt 30; do i=$((i + 1)); '
    'echo $i > {stage}/new; mv {stage}/new {stage}/count; sleep 0.01; done; '
    'cat {stage}/count "$@" > {stage}/new; mv {stage}/new {stage}/out'
)
STAGES = f"""
step = {STEP!r}
stages = [
    dict(
        name=name,
        command=['sh', '-c', step, 'sh', *(f'{{{{{{n}}}}}}/out' for n in needs)],
        inputs=[f'{{{{{{n}}}}}}/out' for n in needs],
        outputs=['{{stage}}/out'],
    )
    for name, needs in dict(a='', b='a', c='a', d='bc').items()
]
"""


def start(verb, words, log):
    """Run a command in a session of its own, forked so that nothing is imported again."""

    def run():
        os.setsid()
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = 0
        try:
            run_verb(verb, list(map(str, words)))
        except SystemExit as error:
            os.write(2, f'{error}\n'.encode())
            code = error.code if isinstance(error.code, int) else bool(error.code)
        os._exit(code)

    process = multiprocessing.get_context('fork').Process(target=run)
    process.start()
    return process


def members(session):
    """Live processes of a session."""
    found = []
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            state, _, _, number = stat.read_text().rpartition(')')[2].split()[:4]
        except OSError:
            continue
        if int(number) == session and state not in 'ZX':
            found.append(int(stat.parent.name))
    return found


def orphans(session, seconds=20):
    """What outlives a command for longer than it takes to end."""
    end = time.monotonic() + seconds
    while (left := members(session)) and time.monotonic() < end:
        time.sleep(0.02)
    return left


class Work:
    """A command, where it writes, and what counts of what it leaves."""

    def __init__(self, verb, words, results):
        self.verb, self.words, self.results = verb, words, results

    def run(self, folder, log):
        return start(self.verb, [w.format(folder) for w in self.words], log)


def stages(folder, toy_root):
    (folder / 'list.py').write_text(STAGES)
    words = [str(folder / 'list.py'), '--work-dir', '{}', '--jobs', '2']

    def results(out):
        return {path.parent.name: path.read_text() for path in out.glob('*/out')}

    return Work('stages', words, results)


def convert(folder, toy_root):
    rng = random.Random(0)
    rows = [
        f'im{i // 4}.png,{rng.random() * 60:.3f},{rng.random() * 60:.3f},{i % 3}'
        for i in range(ROWS)
    ]
    (folder / 'clicks.csv').write_text('image,x,y,class\n' + '\n'.join(rows) + '\n')
    words = [str(folder / 'clicks.csv'), '--to', 'clicks', '--out', '{}/clicks.json']
    return Work('convert', [*words, '--overwrite'], files)


def toy_files(folder, toy_root):
    """Config of a short training, and a checkpoint for labels."""
    config = resumable_config(toy_root, folder, ITERATIONS)
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    for name in ('val_dataloader', 'val_evaluator', 'val_cfg', 'experiment_name'):
        config.pop(name)
    config.dump(folder / 'config.py')
    torch.manual_seed(0)
    state = MODELS.build(config.model).state_dict()
    meta = dict(dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=state, meta=meta), folder / 'network.pth')


def train(folder, toy_root):
    toy_files(folder, toy_root)
    words = [str(folder / 'config.py'), '--work-dir', '{}', '--resume']

    def results(out):
        """Weights, teacher and momentum of the end, bit by bit."""
        content = torch.load(out / f'iter_{ITERATIONS}.pth', weights_only=False)
        parts = content['state_dict'], content['ema_state_dict'], content['optimizer']
        return dict(enumerate(map(tensors, parts)))

    return Work('train', words, results)


def tensors(content):
    """Bytes of all tensors of a nested dict, one behind the other."""
    if isinstance(content, torch.Tensor):
        return content.numpy().tobytes()
    items = content.values() if isinstance(content, dict) else ()
    return b''.join(map(tensors, items))


def label(folder, toy_root):
    toy_files(folder, toy_root)
    words = [str(folder / name) for name in ('config.py', 'network.pth')]
    words += ['--out', '{}', '--scales', *('1', '1.5', '2', '2.5', '3')]
    return Work('label', words, files)


def files(out):
    """Every result as bytes; whatever was left half-written is hidden or absent."""
    return {p.name: p.read_bytes() for p in out.iterdir() if not p.name.startswith('.')}


def whole_so_far(verb, out):
    """What lies there after a kill is a whole file, whichever it is."""
    if verb == 'label':
        for path in out.glob('[!.]*.png'):
            Image.open(path).load()
    if verb == 'convert' and (out / 'clicks.json').exists():
        assert len(json.loads((out / 'clicks.json').read_text())) == ROWS // 4


def kill_at_random(work, folder, kills, seed):
    """Compare an uninterrupted run with one that was ended so many times."""
    whole, killed, log = folder / 'whole', folder / 'killed', folder / 'log'
    whole.mkdir()
    killed.mkdir()
    begun = time.monotonic()
    process = work.run(whole, log)
    process.join()
    assert process.exitcode == 0, log.read_text()
    lasted = time.monotonic() - begun
    rng, sent, early = random.Random(seed), [], 0
    for number in range(kills):
        process = work.run(killed, log)
        process.join(rng.uniform(0, lasted * 2 / min(kills, 8)))
        name = SIGNALS[number % len(SIGNALS)]
        early += process.exitcode is None
        sent.append(name)
        if process.exitcode is None:
            os.kill(process.pid, name)
        process.join(60)
        assert process.exitcode is not None, f'{name} does not end {work.verb}'
        assert not orphans(process.pid), f'{work.verb} leaves processes after {name}'
        whole_so_far(work.verb, killed)
    process = work.run(killed, log)
    process.join()
    assert process.exitcode == 0, log.read_text()
    found, expected = work.results(killed), work.results(whole)
    assert found.keys() == expected.keys()
    assert all(found[name] == value for name, value in expected.items())
    return early


COMMANDS = dict(train=train, label=label, stages=stages, convert=convert)


@pytest.mark.parametrize('verb', COMMANDS)
def test_three_signals(verb, toy_root, tmp_path):
    assert kill_at_random(COMMANDS[verb](tmp_path, toy_root), tmp_path, 3, 1) >= 1


@pytest.mark.slow
@pytest.mark.parametrize('verb', COMMANDS)
def test_twenty_five_signals(verb, toy_root, tmp_path):
    early = kill_at_random(COMMANDS[verb](tmp_path, toy_root), tmp_path, 25, 2)
    print(f'{verb}: 25 signals, {early} before the end')
    assert early >= 5
