"""Random draws of a resumed run, with a loop that loads the batches it skips."""

import random
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmseg_weak.engine.hooks import IterationSeedHook


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def run(start, end):
    """Draws of loading and stepping from ``start`` on, in the order of mmengine's loop."""
    batches = iter(draw() for _ in count())
    loop = SimpleNamespace(dataloader_iterator=batches)
    runner = SimpleNamespace(iter=start, seed=3, train_loop=loop)
    hook, drawn = IterationSeedHook(), []
    draw()  # whatever was drawn before
    hook.before_train(runner)
    for _ in range(start):
        next(loop.dataloader_iterator)
    while runner.iter < end:
        loaded = next(loop.dataloader_iterator)
        hook.before_train_iter(runner, runner.iter)
        drawn.append((loaded, draw()))
        hook.after_train_iter(runner, runner.iter)
        runner.iter += 1
    return drawn


@pytest.mark.parametrize('start', [1, 3])
def test_a_resumed_run_draws_as_an_uninterrupted_one(start):
    whole = run(0, 6)
    assert run(start, 6) == whole[start:]
    assert len(set(whole)) == 6
