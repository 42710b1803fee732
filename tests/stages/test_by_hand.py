"""A training begun with `mmseg-weak train` is gone on with; scores are read from files."""

import json
import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from mmseg_weak.stages import load_stages
from mmseg_weak.stages.compare import scores, told
from mmseg_weak.stages.state import claim_folder, fingerprint

TRAINING = """
model = dict(type='EncoderDecoder', size=(4, 4))
train_cfg = dict(max_iters=3)
randomness = dict(seed=0)
work_dir = {work_dir!r}
"""


@pytest.fixture
def stages(tmp_path, monkeypatch):
    """A training and one that reads its result, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(TRAINING.format(work_dir='project/training'))
    (tmp_path / 'clicks.csv').write_text('image,x,y,class\n')
    (tmp_path / 'list.py').write_text(
        "work_dir = 'project'\n"
        "stages = [dict(type='Train', name='training', config='config.py',\n"
        "               inputs=['clicks.csv']),\n"
        "          dict(type='Train', name='next', config='config.py',\n"
        "               load_from='training')]\n"
    )
    return load_stages('list.py')


def train_by_hand(folder, **changes):
    """What mmengine leaves of a training."""
    folder.mkdir(parents=True)
    config = Config.fromfile('config.py')
    config.merge_from_dict(dict(launcher='none', resume=False, **changes))
    config.dump(folder / 'config.py')
    torch.save(dict(state_dict={}), folder / 'iter_3.pth')


def test_the_same_training_is_taken(stages, capsys):
    train_by_hand(stages[0].folder)
    state = claim_folder(stages[0], fingerprint(stages[0]))
    assert not state.finished and stages[0].checkpoint.is_file()
    assert 'project/training is there already and is taken' in capsys.readouterr().out
    # From then on it is a stage as any other.
    assert claim_folder(stages[0], fingerprint(stages[0])) == state


@pytest.mark.parametrize(
    'changes',
    [{'model.size': (8, 8)}, {'train_cfg.max_iters': 5}, {'randomness.seed': 1}],
)
def test_another_training_is_not(stages, changes):
    train_by_hand(stages[0].folder, **changes)
    with pytest.raises(ValueError, match="another config, .* than stage 'training'"):
        claim_folder(stages[0], fingerprint(stages[0]))


def test_nor_one_of_fewer_clicks_or_with_a_damaged_config(stages):
    folder = stages[0].folder
    train_by_hand(folder)
    begun = (folder / 'config.py').stat().st_mtime
    for clicks, config in ((begun + 60, None), (begun - 60, 'model = dict(')):
        os.utime('clicks.csv', (clicks, clicks))
        if config:
            (folder / 'config.py').write_text(config)
        with pytest.raises(
            ValueError, match="config, seed or labels than stage 'training'"
        ):
            claim_folder(stages[0], fingerprint(stages[0]))


def test_nor_one_that_read_the_result_of_a_stage(stages):
    train_by_hand(stages[0].folder)
    train_by_hand(stages[1].folder)
    with pytest.raises(ValueError, match="another config, .* than stage 'next'"):
        claim_folder(stages[1], fingerprint(stages[1]))


def test_scores_are_those_of_the_last_validation_or_of_the_test(tmp_path):
    lines = [
        dict(loss=1.0, lr=0.1, iter=2, step=2),
        {'click/mIoU': 40.0, 'time': 0.1, 'step': 2},
        {'click/mIoU': 50.0, 'data_time': 0.1, 'step': 3},
        dict(loss=0.5, lr=0.1, iter=4, step=4),
    ]
    path = tmp_path / '2026/vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)) + '\n{"click/mI')
    training = SimpleNamespace(folder=tmp_path, outputs=[tmp_path / 'iter_3.pth'])
    assert scores(training) == {'click/mIoU': 50.0}
    assert told(scores(training)) == '  click/mIoU 50.00'
    metrics = tmp_path / 'test/metrics.json'
    metrics.parent.mkdir()
    metrics.write_text(json.dumps(dict(mIoU=61.5, name='x')))
    assert scores(SimpleNamespace(folder=metrics.parent, outputs=[metrics])) == {
        'mIoU': 61.5
    }
    assert told(scores(SimpleNamespace(folder=tmp_path / 'none', outputs=[]))) == ''
