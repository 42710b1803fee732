"""Random draws that depend on the iteration, so that a resumed run repeats none."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

LOADING, STEP = 0, 1


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed Python, NumPy and torch from (seed, rank, iteration) before each iteration.

    mmengine restores weights, optimiser and schedule on resume, but no random state: a
    resumed run draws the dropout masks (and, with ``num_workers=0``, the augmentations)
    of its first iterations once more. With this hook it continues as if it had never
    stopped. Worker processes seed themselves at their start and are not reached.
    """

    priority = 'VERY_LOW'

    def before_train(self, runner) -> None:
        """Seed the loading of the first batch, perhaps in the middle of a run."""
        self._seed(runner, runner.iter, LOADING)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Seed the step itself: a resumed run made a new loader, which drew too."""
        self._seed(runner, runner.iter, STEP)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Seed the loading of the next batch, which happens before its first hook."""
        self._seed(runner, runner.iter + 1, LOADING)

    def _seed(self, runner, iteration: int, part: int) -> None:
        # SeedSequence spreads neighbouring numbers over unrelated streams.
        entropy = (runner.seed or 0, get_rank(), iteration, part)
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
