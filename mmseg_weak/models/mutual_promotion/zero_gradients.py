"""Zero gradients for what an iteration leaves out."""

from collections.abc import Iterable

import torch
from torch import Tensor


class _ZeroGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *tensors: Tensor) -> Tensor:
        """A zero, in single precision or wider."""
        ctx.like = [(t.shape, t.dtype, t.device) for t in tensors]
        dtype = torch.promote_types(tensors[0].dtype, torch.float32)
        return torch.zeros((), dtype=dtype, device=tensors[0].device)

    @staticmethod
    def backward(ctx, _: Tensor) -> tuple[Tensor, ...]:
        """Zeros like the tensors."""
        return tuple(
            torch.zeros(shape, dtype=dtype, device=device)
            for shape, dtype, device in ctx.like
        )


def zero_with_gradients(tensors: Iterable[Tensor]) -> Tensor:
    """A loss of 0 whose gradient is exactly 0 for each tensor; none of them is read.

    It stands for a loss of weight 0 that was not computed. The difference to leaving it
    out is in the optimiser: with a zero gradient AdamW counts the step and decays the
    weight, with none it skips the parameter, and every later update differs. It also lets
    ``DistributedDataParallel`` see all parameters in every iteration.

    Args:
        tensors (Iterable[Tensor]): Parameters or feature maps; those that need no gradient
            are left out.

    Returns:
        Tensor: Scalar 0, float32 or wider.
    """
    tensors = [t for t in tensors if t.requires_grad]
    if not tensors:
        return torch.zeros(())
    return _ZeroGradients.apply(*tensors)
