"""The real training of a session."""

import os
import shlex
import sys
import threading
import time

import pytest
import torch
from mmseg.apis import inference_model, init_model

from mmseg_weak.live import training
from mmseg_weak.live.training import TrainingRun

WAIT = 300.0


def wait_for(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def clicked(session):
    session.click('a.png', 5.5, 20.5, 'square')
    session.click('a.png', 50.5, 40.5, 'grass')
    return session


def test_a_training_outlives_the_thread_that_asked_for_it(clicked, tmp_path, monkeypatch):
    """The kernel ties a process to the thread that started it."""
    command = [sys.executable, '-c', 'import time; time.sleep(600)']
    monkeypatch.setattr(TrainingRun, '_command', lambda *_: command)
    run = TrainingRun(tmp_path)
    asked = threading.Thread(target=run.start, args=(clicked,))
    asked.start()
    asked.join()
    wait_for(lambda: run.process is not None)
    time.sleep(0.5)
    assert run.status()['state'] == 'running'
    assert 'labels from the live masks: 4 of 4 photographs' in run.status()['log']
    with pytest.raises(ValueError, match='a training is running'):
        run.start(clicked)
    run.stop()
    assert run.status()['state'] == 'failed'
    with pytest.raises(ProcessLookupError):
        os.kill(run.process.pid, 0)


def test_stopped_while_it_labels_it_goes_on_later(clicked, tmp_path, monkeypatch):
    run, write = TrainingRun(tmp_path), training.write_labels

    def stopped_meanwhile(*args):
        for done in write(*args):
            run._stop.set()
            yield done

    monkeypatch.setattr(training, 'write_labels', stopped_meanwhile)
    run.start(clicked)
    wait_for(lambda: not run.running)
    assert run.process is None and run.status()['state'] == 'failed'
    labels = list(run.labels.rglob('*.png'))
    assert len(labels) == 1
    before = labels[0].stat().st_mtime_ns
    monkeypatch.setattr(training, 'write_labels', write)
    monkeypatch.setattr(TrainingRun, '_command', lambda *_: ['true'])
    run.start(clicked)
    wait_for(lambda: not run.running)
    assert run.status()['state'] == 'finished'
    assert len(list(run.labels.rglob('*.png'))) == 4
    assert labels[0].stat().st_mtime_ns == before


def test_mistakes_are_one_line_of_the_log(clicked, tmp_path):
    run = TrainingRun(tmp_path)
    with pytest.raises(ValueError, match='no click yet'):
        clicked.undo(), clicked.undo(), run.start(clicked)
    assert run.status()['state'] == 'none'
    clicked.click('b.jpg', 5.5, 20.5, 'square')
    (clicked.photos / 'more/a.png').write_bytes(b'no picture')
    run.start(clicked)
    wait_for(lambda: not run.running)
    assert run.status()['state'] == 'failed'
    assert any('more/a.png' in line for line in run.status()['log'].splitlines()[-2:])


def test_other_clicks_train_anew_the_same_ones_go_on(clicked, tmp_path):
    run = TrainingRun(tmp_path)
    weights = run.project / 'training' / 'iter_100.pth'

    def commanded():
        assert run._label(clicked)
        run._command(clicked)
        weights.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(state_dict={}), weights)
        # Killed while it wrote.
        weights.with_name('iter_200.pth').write_bytes(b'PK\x03\x04')

    commanded()
    status = run.status()
    assert status['config'] == str(run.project / 'config.py')
    assert status['checkpoint'] == str(weights)
    run._command(clicked)
    assert weights.is_file()
    clicked.click('b.jpg', 5.5, 20.5, 'square')
    assert run._label(clicked)
    run._command(clicked)
    assert not weights.exists() and run.status()['checkpoint'] is None


def test_train_ends_with_a_network_that_predicts(clicked, tmp_path, monkeypatch):
    """The whole way, with the shortest training."""
    run, command = TrainingRun(tmp_path / 'training'), TrainingRun._command

    def short(self, session):
        line = command(self, session)[-1]
        options = ['train_cfg.max_iters=2', 'train_dataloader.num_workers=0']
        options += ['train_dataloader.persistent_workers=False', 'load_from=None']
        options += ['model.backbone.init_cfg=None']
        return ['sh', '-c', f'{line} --cfg-options {shlex.join(options)}']

    monkeypatch.setattr(TrainingRun, '_command', short)
    run.start(clicked)
    wait_for(lambda: not run.running)
    status = run.status()
    assert status['state'] == 'finished', status['log']
    network = init_model(status['config'], status['checkpoint'], device='cpu')
    found = inference_model(network, str(clicked.photos / 'b.jpg'))
    assert found.pred_sem_seg.data.shape == (1, 48, 64)
    assert network.dataset_meta['classes'] == ('grass', 'square')
