"""Zeros that take memory only where something is written."""

import math
import mmap

import torch
from torch import Tensor

# The largest block that glibc's malloc keeps for reuse; every larger one is mapped anew,
# page by page.
MIN_BYTES = 2**25


def lazy_zeros(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str = 'cpu'
) -> Tensor:
    """Like ``torch.zeros``, for large CPU tensors that stay almost empty.

    The gradient of a few labelled pixels is such a tensor. ``torch.zeros`` writes every
    byte, so the system has to hand out every page; here a private anonymous mapping
    hands out a page when it is first written, and all others read as one zero page.

    Args:
        shape (tuple[int, ...]): Shape of the tensor.
        dtype (torch.dtype): Its type.
        device (torch.device | str): Its device. Defaults to ``'cpu'``.

    Returns:
        Tensor: Contiguous and writable. Plain ``torch.zeros`` on other devices, where
        the system has no private mappings and for small tensors.
    """
    count = math.prod(shape)
    size = count * torch.empty((), dtype=dtype).element_size()
    private = getattr(mmap, 'MAP_PRIVATE', None)
    if torch.device(device).type != 'cpu' or private is None or size < MIN_BYTES:
        return torch.zeros(shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, size, flags=private | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(memory, dtype=dtype, count=count).view(shape)
