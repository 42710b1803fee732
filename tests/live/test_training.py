"""The real training of a session."""

import os
import sys
import threading
import time

import pytest
import torch

from mmseg_weak.live.training import TrainingRun

WAIT = 30.0


def test_a_training_outlives_the_thread_that_asked_for_it(tmp_path):
    """The kernel ties a process to the thread that started it."""
    run = TrainingRun(tmp_path)
    command = [sys.executable, '-c', 'import time; time.sleep(600)']
    asked = threading.Thread(target=run._launch, args=(command,))
    asked.start()
    asked.join()
    with pytest.raises(TimeoutError):
        wait_for_end(run, 1.0)
    assert run.status()['state'] == 'running'
    run.stop()
    wait_for_end(run, WAIT)
    assert run.status()['state'] == 'failed'
    with pytest.raises(ProcessLookupError):
        os.kill(run.process.pid, 0)


def wait_for_end(run, seconds):
    end = time.monotonic() + seconds
    while run.running:
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def test_the_second_network_is_the_result_once_it_is_there(tmp_path):
    run, project = TrainingRun(tmp_path), tmp_path / 'project'
    assert run.status()['checkpoint'] is None
    for name, config in (('training', 'config.py'), ('student', 'student.py')):
        (project / name).mkdir(parents=True)
        torch.save(dict(state_dict={}), project / name / 'iter_100.pth')
        # Killed while it wrote.
        (project / name / 'iter_200.pth').write_bytes(b'PK\x03\x04')
        status = run.status()
        assert status['config'] == str(project / config)
        assert status['checkpoint'] == str(project / name / 'iter_100.pth')
