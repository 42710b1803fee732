"""Whether the kernels for GPUs can be used."""

from functools import lru_cache
from importlib import import_module
from types import ModuleType
from warnings import warn

import torch
from torch import Tensor


@torch.compiler.disable
def load_kernels(like: Tensor) -> ModuleType | None:
    """The module of kernels, None where a tensor is better off without.

    Args:
        like (Tensor): On the device and of the type that the kernels are for.

    Returns:
        ModuleType | None: :mod:`mmseg_weak.refinement.pixel_adaptive_triton` for float32 on
        a GPU where Triton works.
    """
    if like.device.type != 'cuda' or like.dtype != torch.float32:
        return None
    return _tried(like.device)


@lru_cache(maxsize=16)
def _tried(device: torch.device) -> ModuleType | None:
    """The module if a small case runs; Triton wants a C compiler, for one."""
    try:
        kernels = import_module('.pixel_adaptive_triton', __package__)
        images, shares = torch.ones(1, 3, 4, 4, device=device), torch.ones(1, device=device)
        sizes = torch.full((1, 2), 4, dtype=torch.int32, device=device)
        offsets = torch.ones(1, 2, dtype=torch.int32, device=device)
        affinity = kernels.affinities(images, sizes, offsets, shares, 1.0, 1.0)
        kernels.diffuse(images, affinity, sizes, offsets, 1)
    except torch.cuda.OutOfMemoryError:
        raise  # says nothing of Triton
    except Exception as error:  # whatever Triton raises: there is another way
        reason = str(error).strip().splitlines()[:1] or ['']
        warn(
            'pixel-adaptive refinement takes the slow way on this GPU, Triton does not '
            f'work: {type(error).__name__}: {reason[0]}',
            stacklevel=2,
        )
        return None
    return kernels
