"""The real training of a session."""

import os
import sys
import threading
import time

import pytest

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
