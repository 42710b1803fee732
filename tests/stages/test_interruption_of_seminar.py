"""The list of seminar learning, killed at any moment, ends with the same labels."""

import os
import random
import signal
import time
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image
from toy import REPOSITORY, resumable_config, toy_model

from mmseg_weak.stages import load_stages, run_stages

ITERATIONS = 8
IMAGES = 12
BASE = str(REPOSITORY / 'configs/_base_/stages/seminar.py')


def write_configs(toy_root, folder):
    """Ancillary, primary and the list of stages, on the toy set."""
    ancillary = resumable_config(toy_root, folder, ITERATIONS)
    ancillary.model.decode_head.channels = 6
    head = dict(type='HeterogeneousPseudoLabelHead')
    primary = resumable_config(toy_root, folder, 2, pseudo_label=head)
    step = dict(type='LoadPseudoLabels', pseudo_label_dir='')
    primary.train_dataloader.dataset.pipeline.insert(1, step)
    for name, config in dict(ancillary=ancillary, primary=primary).items():
        config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
        config.update(test_dataloader=config.val_dataloader, test_cfg=dict(type='TestLoop'))
        config.test_evaluator = config.val_evaluator
        config.pop('work_dir')
        config.dump(folder / f'{name}.py')
    (folder / 'stages.py').write_text(f"""
_base_ = {BASE!r}
ancillary_config = {str(folder / 'ancillary.py')!r}
primary_config = {str(folder / 'primary.py')!r}


threshold = 0.4
refinement = 'par'
# Many views, so that there is time to kill.
label_options = ['--scales', *(str(0.5 + 0.1 * i) for i in range(16))]
clicks = [{str(toy_root / 'clicks.json')!r}]
""")


def bring(folder, work):
    run_stages(load_stages(str(folder / 'stages.py'), str(work)), threads=1)


def bring_when_free(folder, work):
    """A command that outlived its run for a moment still holds the work dir."""
    while is_in_use(folder, work):
        time.sleep(0.05)


def bring_in_session(folder, work):
    """A session of its own can be killed with all its commands."""
    os.setsid()
    bring_when_free(folder, work)


def progress(work):
    """Finished iterations and labels."""
    done = len(list(work.glob('labels/*.png')))
    checkpoints = work.glob('ancillary/iter_*.pth')
    return done + max((int(path.stem[5:]) for path in checkpoints), default=0)


def run_and_kill(folder, work, goal, rng):
    """Kill the runner, or it and its command, once so much is done."""
    # A fork has the toolbox loaded already.
    process = get_context('fork').Process(target=bring_in_session, args=(folder, work))
    process.start()
    while progress(work) < goal and process.is_alive():
        time.sleep(0.002)
    time.sleep(rng.random() * 0.05)
    assert process.is_alive()
    if rng.random() < 0.5 and os.getpgid(process.pid) == process.pid:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.join()


def labels(work):
    return {
        path.name: np.array(Image.open(path)) for path in (work / 'labels').glob('*.png')
    }


def is_in_use(folder, work):
    """Whether the rest could not be done yet."""
    try:
        bring(folder, work)
    except ValueError as error:
        assert 'is in use' in str(error)
        return True
    return False


@pytest.fixture(scope='module')
def lists(toy_root, tmp_path_factory):
    """Work dirs of a run that went through and of one killed five times."""
    folder = tmp_path_factory.mktemp('stages')
    write_configs(toy_root, folder)
    whole, killed = folder / 'whole', folder / 'killed'
    bring(folder, whole)
    rng = random.Random(0)
    seen = []
    # Before anything, twice in the training, twice among the labels.
    for low, high in ((0, 0), (1, 3), (4, 7), (9, 12), (14, 17)):
        run_and_kill(folder, killed, rng.randint(low, high), rng)
        seen.append(progress(killed))
    assert seen[2] < ITERATIONS + IMAGES and seen[4] > ITERATIONS, seen
    bring_when_free(folder, killed)
    return whole, killed


def test_five_kills_leave_the_labels_as_they_are(lists):
    whole, killed = (labels(work) for work in lists)
    assert len(whole) == IMAGES and whole.keys() == killed.keys()
    for name, label in whole.items():
        np.testing.assert_array_equal(label, killed[name])
    assert len(np.unique(np.stack(list(whole.values())))) > 1


def test_networks_of_both_are_equal_and_plain_mmseg_models(lists):
    for stage, last in (('ancillary', ITERATIONS), ('primary', 2)):
        a, b = (
            torch.load(work / stage / f'iter_{last}.pth', weights_only=False)['state_dict']
            for work in lists
        )
        for key, value in a.items():
            torch.testing.assert_close(value, b[key], rtol=0, atol=0, msg=key)
        plain = dict(toy_model(), type='EncoderDecoder')
        plain['data_preprocessor']['type'] = 'SegDataPreProcessor'
        plain['decode_head']['loss_decode'] = dict(type='CrossEntropyLoss')
        if stage == 'ancillary':
            plain['decode_head']['channels'] = 6
        MODELS.build(plain).load_state_dict(b, strict=True)


def test_metrics_of_both_are_equal(lists):
    a, b = (Config.fromfile(work / 'test/metrics.json') for work in lists)
    assert a.mIoU == b.mIoU
