"""Put a running training back to its first iteration, inside one run."""

import copy

from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn


def _wrappers(runner) -> list:
    wrapper = runner.optim_wrapper
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def _schedulers(runner) -> list:
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, dict):
        return [scheduler for group in schedulers.values() for scheduler in group]
    return list(schedulers)


def weights_on_cpu(model: nn.Module) -> dict[str, Tensor]:
    """Copy of a model's ``state_dict``."""
    return {name: value.cpu().clone() for name, value in model.state_dict().items()}


class ScheduleStart:
    """What optimiser and schedulers looked like before the first iteration.

    Args:
        runner (Runner): Before a checkpoint is resumed: that is, in ``before_run``.
    """

    def __init__(self, runner) -> None:
        self.groups = [
            [{k: v for k, v in group.items() if k != 'params'} for group in w.param_groups]
            for w in _wrappers(runner)
        ]
        self.groups = copy.deepcopy(self.groups)
        self.schedulers = copy.deepcopy([s.state_dict() for s in _schedulers(runner)])

    def restore(self, runner) -> None:
        """Start the schedules again; learning rates are those of the first iteration."""
        for wrapper, groups in zip(_wrappers(runner), self.groups):
            for group, start in zip(wrapper.param_groups, groups):
                group.update(copy.deepcopy(start))
        for scheduler, state in zip(_schedulers(runner), self.schedulers):
            scheduler.load_state_dict(copy.deepcopy(state))


def forget_gradients(runner) -> None:
    """Clear momenta and gradients, which belong to other weights."""
    for wrapper in _wrappers(runner):
        wrapper.zero_grad()
        wrapper.optimizer.state.clear()
