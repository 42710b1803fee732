"""A list killed at random moments ends as the uninterrupted one, and nothing is lost."""

import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from mmseg_weak.stages import list_stages, load_stages, run_stages

KILLS, STEPS = 12, 40
# Each step is one letter in the ledger, which no stage empties, and one more in the count.
LIST = f"""
step = ('i=$(cat {{stage}}/count 2>/dev/null || echo 0); while test $i -lt {STEPS}; do '
        'i=$((i + 1)); echo $i > {{stage}}/new; printf x >> {{work_dir}}/ledger; '
        'mv {{stage}}/new {{stage}}/count; sleep 0.01; done; '
        'cat {{stage}}/count "$@" > {{stage}}/new; mv {{stage}}/new {{stage}}/out')
stages = [
    dict(
        name=name,
        command=['sh', '-c', step, 'sh', *(f'{{{{{{n}}}}}}/out' for n in needs)],
        inputs=[f'{{{{{{n}}}}}}/out' for n in needs],
        outputs=['{{stage}}/out'],
    )
    for name, needs in dict(a='', b='a', c='a', d='bc', e='').items()
]
"""


def bring(path, work):
    run_stages(load_stages(path, work), jobs=2)


def in_use(path, work):
    """Whether a command outlived its run for a moment."""
    try:
        bring(path, work)
    except ValueError as error:
        assert 'is in use' in str(error)
        return True
    return False


def bring_when_free(path, work):
    while in_use(path, work):
        time.sleep(0.01)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='asks the kernel')
def test_random_kills_change_nothing(tmp_path):
    (tmp_path / 'list.py').write_text(LIST)
    path, whole, killed = (str(tmp_path / name) for name in ('list.py', 'whole', 'killed'))
    bring(path, whole)
    rng, seen = random.Random(0), []
    while len(seen) < KILLS:
        process = multiprocessing.get_context('fork').Process(
            target=bring_when_free, args=(path, killed)
        )
        process.start()
        time.sleep(rng.uniform(0, 0.25))
        assert not os.path.exists(f'{killed}/d/out'), 'too late to kill'
        seen.append(rng.choice((signal.SIGKILL, signal.SIGTERM)))
        os.kill(process.pid, seen[-1])
        process.join()
    assert set(seen) == {signal.SIGKILL, signal.SIGTERM}
    bring_when_free(path, killed)
    stages = load_stages(path, killed)
    assert dict(list_stages(stages)) == dict.fromkeys('abcde', 'finished')
    for stage in stages:
        expected = Path(whole, stage.name, 'out').read_text()
        assert stage.outputs[0].read_text() == expected
    # They went on where they were: a kill repeats at most the step of each running stage.
    steps = os.path.getsize(f'{killed}/ledger')
    assert os.path.getsize(f'{whole}/ledger') == 5 * STEPS <= steps <= 5 * STEPS + 2 * KILLS
    assert run_stages(stages) == []
