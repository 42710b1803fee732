"""What losses share: a factor, a name, and the same value on one process or on many."""

from collections.abc import Iterable
from typing import ClassVar

import torch
import torch.distributed as torch_dist
from mmengine.dist import get_world_size
from torch import Tensor, nn

from ..._ranges import NonNegative, check_ranges


def global_denominator(count: Tensor, minimum: float = 1.0) -> Tensor:
    """Denominator that makes a local sum part of a mean over all ranks.

    ``DistributedDataParallel`` averages gradients over its W ranks. A loss that divides
    its local sum by ``max(minimum, sum of counts over ranks) / W`` therefore ends with
    the gradient of the global mean, whatever each rank holds: 2 processes with batch N
    equal 1 process with batch 2N. Every rank must call it equally often in a step.

    Args:
        count (Tensor): Local number (or weight) of the terms, a scalar. No gradient flows
            through it.
        minimum (float): Lower bound of the global count, > 0, so that an empty batch
            gives 0 and never NaN. Defaults to 1.0.

    Returns:
        Tensor: Scalar > 0.
    """
    count = count.detach()
    world_size = get_world_size()
    if world_size > 1:
        count = count.clone()
        torch_dist.all_reduce(count)
    return count.clamp(min=minimum) / world_size


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Average the gradients of a small network over all ranks, in one message.

    For a network outside ``DistributedDataParallel``. Every rank must call it equally
    often; a parameter without a gradient counts as zero.

    Args:
        parameters (Iterable[Tensor]): Its parameters, changed in place.
    """
    if get_world_size() == 1:
        return
    parameters = [p for p in parameters if p.requires_grad]
    for p in parameters:
        if p.grad is None:
            p.grad = p.new_zeros(p.shape)
    gradients = [p.grad for p in parameters]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch_dist.all_reduce(flat)
    flat /= get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))


class WeightedLoss(nn.Module):
    """A loss that mmseg's heads sum under its name.

    Args:
        loss_weight (float): Factor of the loss, >= 0. Defaults to 1.0.
        loss_name (str, optional): Key in the loss dict; keep ``loss`` in it so that it is
            back-propagated. Defaults to ``default_name`` of the class.

    Raises:
        ValueError: ``loss_weight`` is negative or not finite.
    """

    default_name: ClassVar[str]

    @check_ranges
    def __init__(
        self, loss_weight: NonNegative = 1.0, loss_name: str | None = None
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name or self.default_name
