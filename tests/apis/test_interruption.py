"""A training that is killed at any moment goes on as if nothing had happened."""

import random
import subprocess
import sys
import time

import torch
from toy import REPOSITORY, resumable_config

CONSISTENCY = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))
ITERATIONS = 40


def command(config, *options):
    return [
        sys.executable,
        '-W',
        'ignore',
        str(REPOSITORY / 'tools/train.py'),
        config,
        *options,
    ]


def last_iteration(folder):
    numbers = [int(path.stem.split('_')[1]) for path in folder.glob('iter_*.pth')]
    return max(numbers, default=0)


def run_and_kill(config, folder, rng):
    """Start or resume the training and kill it a few checkpoints later."""
    start = last_iteration(folder)
    with open(folder.parent / 'killed.log', 'a') as log:
        process = subprocess.Popen(
            command(config, '--resume'), stdout=log, stderr=subprocess.STDOUT
        )
        goal = start + rng.randint(1, 6)
        while last_iteration(folder) < goal and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.random() * 0.05)
        process.kill()
        process.wait()
    return last_iteration(folder) - start


def write_config(toy_root, folder):
    config = resumable_config(toy_root, folder, ITERATIONS, consistency=CONSISTENCY)
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.default_hooks.checkpoint.max_keep_ckpts = 2
    path = folder.parent / f'{folder.name}.py'
    config.dump(path)
    return str(path)


def test_five_kills_end_like_an_uninterrupted_run(toy_root, tmp_path):
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    whole.mkdir()
    killed.mkdir()
    subprocess.run(
        command(write_config(toy_root, whole)), check=True, capture_output=True, timeout=300
    )
    config = write_config(toy_root, killed)
    rng = random.Random(0)
    progress = [run_and_kill(config, killed, rng) for _ in range(5)]
    assert all(done > 0 for done in progress), (killed.parent / 'killed.log').read_text()
    assert last_iteration(killed) < ITERATIONS
    subprocess.run(
        command(config, '--resume'), check=True, capture_output=True, timeout=300
    )
    a, b = (
        torch.load(folder / f'iter_{ITERATIONS}.pth', weights_only=False)
        for folder in (whole, killed)
    )
    assert a['meta']['iter'] == b['meta']['iter'] == ITERATIONS
    assert a['param_schedulers'] == b['param_schedulers']
    assert a['optimizer']['param_groups'] == b['optimizer']['param_groups']
    assert (
        int(a['ema_state_dict']['steps']) == int(b['ema_state_dict']['steps']) == ITERATIONS
    )
    for group in ('state_dict', 'ema_state_dict'):
        for key, value in a[group].items():
            torch.testing.assert_close(value, b[group][key], rtol=0, atol=0, msg=key)
