"""What gpu.py runs as commands: tests, trainings side by side, label making."""

import os
import re
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETS = ('voc-animals', 'msrc21', 'weeds', 'nuclei')
TRAINING = 'configs/seminar/pce_fpn_efficientnet-lite0_1xb8-1500_{}-160x160.py'
OTHERS = TRAINING.replace('1500', '600').format('small-sets')  # all but the first, by SET
SYNTHETIC = 'configs/seminar/pce_fcn_r18-narrow_1xb8-400_synthetic-96x96.py'
TRAINING_SECONDS = 70
TEST_SECONDS = 80


def command(*words: object) -> list[str]:
    """Command line of the package."""
    return [sys.executable, '-W', 'ignore', *map(str, words)]


def tests(options: Namespace) -> Iterator[str]:
    """Tests that want a GPU; what they said stays when their time is up."""
    chosen = ['tests', '-m', 'gpu']
    if options.tiny:
        chosen = ['tests/test_ranges.py']
    words = command('-m', 'pytest', '-v', '-rs', '-p', 'no:cacheprovider', *chosen)
    log = options.out / 'tests.log'
    with log.open('w') as stream:
        try:
            subprocess.run(
                words,
                cwd=ROOT,
                env={**os.environ, 'MMSEG_WEAK_TEST_GPU': '0' if options.tiny else '1'},
                stdout=stream,
                timeout=TEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            yield f'Not all of them ended in {TEST_SECONDS} s.\n'
    yield from ('```', *(line[:160] for line in log.read_text().splitlines()[-20:]), '```')


def trainings_and_labels(options: Namespace) -> Iterator[str]:
    """Short trainings side by side on one card, and labels of one of them."""
    folder = options.out.resolve() / 'runs'
    configs = dict(synthetic=SYNTHETIC)
    data = folder / 'data'
    size = ['--num-train', 8, '--num-val', 2] if options.tiny else []
    _call('tools/dataset_converters/make_synthetic.py', '--out', data, *size)
    for name in SETS if not options.tiny else ():
        if (ROOT / 'data' / name.replace('-', '_')).is_dir():
            configs[name] = TRAINING.format(name) if name == SETS[0] else OTHERS
        else:
            yield f'{name}: left out, there is no data/{name.replace("-", "_")}.\n'
    limit = TRAINING_SECONDS * (5 if options.tiny else 1)
    start, running = time.perf_counter(), {}
    for name, config in configs.items():
        words = ['-m', 'mmseg_weak', 'train', config, '--work-dir', folder / name]
        words += ['--cfg-options', *_settings(name, data, options)]
        log = (folder / f'{name}.log').open('w')
        running[name] = subprocess.Popen(
            command(*words),
            cwd=ROOT,
            env={**os.environ, 'SET': name},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield from ('| training | seconds | result |', '| --- | --- | --- |')
        for name, process in running.items():
            left = start + limit - time.perf_counter()
            try:
                process.wait(max(left, 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
            seconds = time.perf_counter() - start
            log = (folder / f'{name}.log').read_text(errors='replace')
            yield f'| {name} | {seconds:.0f} | {_outcome(log)} |'
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
    yield ''
    yield _label_speed(folder, data, options)


def _settings(name: str, data: Path, options: Namespace) -> list[str]:
    """What a short training changes in its config."""
    changes = ['default_hooks.logger.interval=50']
    if name == 'synthetic':
        iterations = 2 if options.tiny else 400
        changes += [
            f'{part}_dataloader.dataset.data_root={data}' for part in ('train', 'val')
        ]
        changes += [f'train_cfg.max_iters={iterations}']
        changes += [f'train_cfg.val_interval={iterations}']
        changes += [f'default_hooks.checkpoint.interval={iterations}']
    elif not (ROOT / 'data' / 'weights').is_dir():
        changes.append('model.backbone.init_cfg=None')
    return changes


def _outcome(log: str) -> str:
    """The last score, or the last line, of a log."""
    scores = re.findall(r'mIoU:?\s+([\d.]+)', log)
    if scores:
        return f'mIoU {scores[-1]}'
    iterations = re.findall(r'(?:Iter|iteration)\D*(\d+)\s*(?:/|of)', log)
    last = log.strip().splitlines()[-1:] or ['no output']
    return f'at iteration {iterations[-1]}' if iterations else last[0][:120]


def _label_speed(folder: Path, data: Path, options: Namespace) -> str:
    """Images a second of the verb ``label``, its start included."""
    checkpoints = sorted((folder / 'synthetic').glob('iter_*.pth'))
    if not checkpoints:
        return 'Labels: left out, the training has no checkpoint.'
    out = folder / 'labels'
    words = ['-m', 'mmseg_weak', 'label', SYNTHETIC, checkpoints[-1], '--out', out]
    words += ['--device', options.device, '--overwrite']
    words += ['--cfg-options', f'train_dataloader.dataset.data_root={data}']
    start = time.perf_counter()
    _call(*words)
    seconds = time.perf_counter() - start
    made = len(list(out.glob('*.png')))
    return f'Labels: {made} images in {seconds:.1f} s, {made / seconds:.2f} a second.'


def _call(*words: object) -> None:
    """Run a command; its last line is the message of the error."""
    result = subprocess.run(
        command(*words), cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    if result.returncode:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:]
        raise RuntimeError(last[0] if last else f'exit code {result.returncode}')
