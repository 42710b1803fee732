"""A labeller from outside labels the toy set, through any kill."""

import json
import multiprocessing
import os
import random
import signal
import sys

import numpy as np
import pytest
from brightness_labeller import BrightnessLabeller
from PIL import Image
from toy import toy_config, toy_model

from mmseg_weak.cli import run_verb
from mmseg_weak.labelling import make_labels

KILLS, MAX_STEP = 12, 30
OPERATIONS = ('os.rename', 'os.remove', 'os.mkdir', 'os.scandir')


@pytest.fixture
def config(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'data.py')
    return config


def contents(folder):
    """Every file of a folder, as bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_labeller_from_outside_needs_no_file_of_the_package(
    config, toy_root, tmp_path, capsys
):
    out = tmp_path / 'out'
    words = ['--data', tmp_path / 'data.py', '--labeller', 'BrightnessLabeller']
    words += ['--level', '0.42', '--out', out, '--masks', toy_root / 'masks']
    run_verb('label', list(map(str, words)))
    assert '12 images, 100.00 % of pixels labelled' in capsys.readouterr().out
    for i in range(12):
        image = np.array(Image.open(toy_root / f'images/toy_{i:02d}.png'))
        expected = image.mean(axis=2) / 255 > 0.42
        assert (np.array(Image.open(out / f'toy_{i:02d}.png')) != expected).mean() < 1e-3
    settings = json.loads((out / 'manifest.json').read_text())['settings']
    assert settings['labeller'] == 'BrightnessLabeller' and settings['level'] == 0.42
    with pytest.raises(SystemExit, match='--fusion has no effect on labels of brightness'):
        run_verb('label', [*map(str, words), '--fusion', 'mean'])
    with pytest.raises(SystemExit, match=r'other settings \(level\)'):
        run_verb('label', [*map(str, words), '--level', '0.5'])
    with pytest.raises(SystemExit, match='give --data CONFIG'):
        run_verb('label', ['--labeller', 'BrightnessLabeller', '--out', 'x'])


def test_refusals_are_told_of_and_counted(config, tmp_path):
    labeller = BrightnessLabeller(refuse_every=5)
    report = make_labels(config, labeller, str(tmp_path / 'out'))
    assert report['refused'] == {'too dull': 3}
    reasons = {f'toy_{i:02d}': f'too dull: image {i}' for i in (0, 5, 10)}
    assert json.loads((tmp_path / 'out/refused.json').read_text()) == reasons
    assert (np.array(Image.open(tmp_path / 'out/toy_05.png')) == 255).all()


def label_and_die(step, folder, *job):
    """Run a job that is killed at its n-th operation on a file below a folder."""
    done = 0

    def hook(event, args):
        nonlocal done
        if event in ('open', *OPERATIONS) and str(folder) in str(args[0]):
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    make_labels(*job)


def progress(folder):
    """Number of labels of the new settings, -1 before the manifest names them."""
    settings = json.loads((folder / 'manifest.json').read_text())['settings']
    return len(list(folder.glob('*.png'))) if settings['level'] == 0.4 else -1


def test_random_kills_leave_what_an_uninterrupted_run_leaves(config, tmp_path):
    labeller = BrightnessLabeller(level=0.4, refuse_every=4)
    make_labels(config, labeller, str(tmp_path / 'whole'))
    killed = tmp_path / 'killed'
    # Labels of other settings are there, to be replaced and never to be mixed.
    make_labels(config, BrightnessLabeller(level=0.6), str(killed))
    job = (config, labeller, str(killed), 1, 'cpu', None, True)
    rng, left = random.Random(0), []
    for _ in range(KILLS):
        # Forked, so that nothing is imported anew; the labeller uses no threads.
        process = multiprocessing.get_context('fork').Process(
            target=label_and_die, args=(rng.randint(1, MAX_STEP), killed, *job)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        left.append(progress(killed))
    assert left[0] < 12 and left[-1] >= 0 and len(set(left)) > 3, left
    make_labels(config, labeller, str(killed), overwrite=True)
    found, expected = contents(killed), contents(tmp_path / 'whole')
    assert found == expected
