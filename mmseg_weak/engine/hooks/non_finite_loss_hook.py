"""Stop a training that has diverged."""

import math

import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ...checkpoints import require_finite


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
