"""The neighbours of pixel-adaptive refinement: where they are, what their place gives."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

COLOR_WEIGHT = 0.3
POSITION_SHARE = 0.01
STD_EPS = 1e-8

Offsets = tuple[tuple[int, int], ...]


def dilated_offsets(dilations: Sequence[int]) -> Offsets:
    """The 8 neighbours at every dilation, each (dy, dx) in pixels."""
    around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    return tuple((d * dy, d * dx) for d in dilations for dy, dx in around)


@lru_cache(maxsize=64)
def position_shares(offsets: Offsets) -> tuple[float, ...]:
    """Part of the affinities that knows only the distance, sum 0.01."""
    distance = torch.tensor([math.hypot(*o) for o in offsets]).double()
    scaled = distance / (distance.std() + STD_EPS) / COLOR_WEIGHT
    return tuple((POSITION_SHARE * torch.softmax(-scaled.square(), 0)).tolist())


@lru_cache(maxsize=64)
def on_device(offsets: Offsets, device: torch.device) -> tuple[Tensor, Tensor]:
    """Offsets, int32 of shape (K, 2), and shares of the place, sent to a device once."""
    # Tensors first made in inference mode could not be used in training later.
    with torch.inference_mode(False):
        return (
            torch.tensor(offsets, dtype=torch.int32, device=device),
            torch.tensor(position_shares(offsets), device=device),
        )


def valid_sizes(sizes: Tensor | None, like: Tensor) -> Tensor:
    """Valid height and width of each image on the device of maps, int32, shape (N, 2).

    Args:
        sizes (Tensor, optional): Integers of that shape; None takes all of ``like``.
        like (Tensor): Maps, shape (N, C, H, W).

    Raises:
        ValueError: The shape is another.
    """
    if sizes is not None:
        if tuple(sizes.shape) != (len(like), 2):
            raise ValueError(f'sizes must be ({len(like)}, 2), got {tuple(sizes.shape)}')
        return sizes.to(like.device, torch.int32, non_blocking=True).contiguous()
    size = torch.empty(len(like), 2, dtype=torch.int32, device=like.device)
    size[:, 0], size[:, 1] = like.shape[-2:]
    return size
