"""The teacher's weights: an exponential moving average of the student's."""

from collections import defaultdict
from collections.abc import Iterable

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import MomentumAnnealingEMA
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@MODELS.register_module()
class TeacherEMA(MomentumAnnealingEMA):
    r"""Mean-teacher weights, updated by a few fused kernels.

    .. math::
        \theta_t \leftarrow a\,\theta_t + (1 - a)\,\theta_s, \quad
        a = \min(1 - \gamma / (\gamma + \mathrm{step}),\; 1 - \mathrm{momentum})

    with step counted from 0, so that the first update copies the student. Buffers, above
    all the batch norms' running statistics, follow the student at once: a teacher with
    stale statistics is worse than its student.

    The update uses ``torch._foreach`` operations over all tensors and keeps the step as a
    Python number, where mmengine's form walks tensor by tensor and reads the step back
    from the device.

    Args:
        model (nn.Module): The student.
        momentum (float): Weight of the student in the average, mmengine's convention, in
            (0, 1). Defaults to 0.001 (:math:`a = 0.999`).
        gamma (int): Length of the warm-up in steps. Defaults to 1.
        interval (int): Steps between two updates. Defaults to 1.
        device (torch.device, optional): Where the teacher lives. Defaults to the student's.
        update_buffers (bool): Average the buffers too instead of copying them. Defaults to
            False.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.001,
        gamma: int = 1,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__(model, momentum, gamma, interval, device, update_buffers)
        self.module.eval()
        self._num_updates: int | None = 0
        self._pairs: _Pairs | None = None
        self.register_load_state_dict_post_hook(_forget_step)

    def train(self, mode: bool = True) -> 'TeacherEMA':
        """Stay in eval mode: no dropout and running statistics in the teacher."""
        return super().train(False)

    @property
    def num_updates(self) -> int:
        """Updates so far; read from the device only after a checkpoint was loaded."""
        if self._num_updates is None:
            self._num_updates = int(self.steps)
        return self._num_updates

    @torch.no_grad()
    def copy_from(self, model: nn.Module) -> None:
        """Set every parameter and buffer to those of ``model``."""
        pairs = self._pairs_with(model)
        _copy(pairs.parameters)
        _copy(pairs.buffers)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the average one step towards ``model``.

        Args:
            model (nn.Module): The student, of the architecture given at construction.
        """
        step = self.num_updates
        if step == 0:
            self.copy_from(model)
        else:
            pairs = self._pairs_with(model)
            if step % self.interval == 0:
                weight = max(self.momentum, self.gamma / (self.gamma + step))
                _average(pairs.parameters, weight)
                if self.update_buffers:
                    _average(pairs.buffers, weight)
            if not self.update_buffers:
                _copy(pairs.buffers)
        self.steps += 1
        self._num_updates = step + 1

    def _pairs_with(self, model: nn.Module) -> '_Pairs':
        """Tensors of both networks; walking the modules takes longer than averaging."""
        if self._pairs is None or not self._pairs.are_those_of(model):
            self._pairs = _Pairs(self.module, model)
        return self._pairs


Groups = list[tuple[list[Tensor], list[Tensor]]]


class _Pairs:
    """Tensors of a teacher and its student in groups that one operation takes.

    Kept from step to step, and good as long as every tensor is where it was found: a
    module may get other ones, by moving to another device say.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module) -> None:
        self.student = student
        self.places = [*_places(teacher), *_places(student)]
        (self.parameters, self.buffers) = (
            _groups(list(kind(teacher)), list(kind(student)))
            for kind in (nn.Module.parameters, nn.Module.buffers)
        )

    def are_those_of(self, student: nn.Module) -> bool:
        """Whether the lists hold the present tensors of the teacher and ``student``."""
        return student is self.student and all(
            tensors.get(name) is tensor for tensors, name, tensor in self.places
        )


def _places(model: nn.Module) -> Iterable[tuple[dict, str, Tensor | None]]:
    """Where the tensors of a network are kept: dictionary, name and tensor."""
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            yield from ((tensors, name, tensor) for name, tensor in tensors.items())


def _groups(targets: list[Tensor], sources: list[Tensor]) -> Groups:
    """Pairs by type and devices.

    Of a list with several types, such as running means and counts of batches, PyTorch
    copies tensor by tensor.
    """
    groups = defaultdict(lambda: ([], []))
    for target, source in zip(targets, sources):
        group = groups[target.dtype, target.device, source.device]
        group[0].append(target)
        group[1].append(source)
    return list(groups.values())


def _average(groups: Groups, weight: float) -> None:
    """Lerp the floating-point tensors towards the sources."""
    for targets, sources in groups:
        if targets[0].is_floating_point():
            if sources[0].device != targets[0].device:
                sources = [source.to(targets[0].device) for source in sources]
            torch._foreach_lerp_(targets, sources, weight)


def _copy(groups: Groups) -> None:
    """Copy the sources, from whatever device."""
    for targets, sources in groups:
        torch._foreach_copy_(targets, sources)


def _forget_step(module: TeacherEMA, _incompatible_keys) -> None:
    """The step buffer was loaded: the Python copy of it is stale."""
    module._num_updates = None


@torch.no_grad()
def average_statistics(model: nn.Module) -> None:
    """Average the running statistics of batch norms over all processes, in one message.

    For those that train without synchronisation, whose statistics are each process's own.
    """
    if get_world_size() == 1:
        return
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
    norms = [m for m in norms if not isinstance(m, nn.SyncBatchNorm)]
    found = [value for m in norms for value in (m.running_mean, m.running_var)]
    found = [value for value in found if value is not None]
    if not found:
        return
    flat = torch.cat([value.flatten() for value in found])
    all_reduce(flat, op='mean')
    parts = list(flat.split([value.numel() for value in found]))
    torch._foreach_copy_(found, parts)
