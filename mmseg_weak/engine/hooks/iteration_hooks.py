"""What happens around iterations: seeds, a check of the loss, faster convolutions."""

import math
import random
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ...checkpoints import require_finite
from ...models.inference.fast_convolutions import send_pointwise_to_onednn

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
        batches = getattr(runner.train_loop, 'dataloader_iterator', None)
        # OpenMMLab's loop loads all batches that a resumed run skips, and they draw too.
        if runner.iter > 0 and batches is not None and not hasattr(batches, 'skip_iter'):
            seed = partial(self._seed, runner, runner.iter, LOADING)
            runner.train_loop.dataloader_iterator = _call_before(batches, runner.iter, seed)

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


def _call_before(batches: Iterator, index: int, function: Callable[[], None]) -> Iterator:
    """The same batches, with a call just before the one of that index is loaded."""
    for _ in range(index):
        yield next(batches)
    function()
    yield from batches


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stop at the first loss, or before the first checkpoint, that is NaN or infinite.

    mmengine trains on and saves what is left of the weights. The loss costs nothing to
    look at: mmengine's ``RuntimeInfoHook`` has fetched it for the log. Every training of
    the verb ``train`` has this hook.

    Raises:
        ValueError: With the number of the iteration; a resumed run goes on from the last
            checkpoint of finite weights.
    """

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Look at the losses of a step."""
        for name, value in (outputs or {}).items():
            number = float(torch.as_tensor(value).detach()) if 'loss' in name else 0.0
            if not math.isfinite(number):
                raise ValueError(
                    f'{name} is {number} in {_now(runner)}: the training diverged; '
                    'lower the learning rate, clip gradients (optim_wrapper.clip_grad) or '
                    'look for wrong labels'
                )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Look at the weights: the last step may have spoilt them."""
        require_finite(checkpoint, f'weights of {_now(runner)}')


def _now(runner) -> str:
    return f'iteration {runner.iter + 1} of {runner.max_iters}'


@HOOKS.register_module()
class OneDNNPointwiseHook(Hook):
    """Let oneDNN compute a model's 1x1 convolutions where a training has one CPU thread.

    For images channels last (``channels_last`` of
    :class:`~mmseg_weak.models.WeakSegDataPreProcessor`); results change by rounding. On a
    GPU it does nothing. See
    :func:`~mmseg_weak.models.inference.fast_convolutions.send_pointwise_to_onednn`.
    """

    def before_run(self, runner) -> None:
        """Change the model, which is on its device by now."""
        send_pointwise_to_onednn(runner.model)
