"""Affinities of near cells of a feature map."""

import torch
from torch import Tensor

from ...refinement.affinity_walk import cut_outside
from ...refinement.sparse_walk import pair_offsets


def neighbour_affinity(features: Tensor, radius: int = 5) -> Tensor:
    r"""Affinity of each cell and half its neighbours closer than a radius.

    .. math:: a_{ij} = \exp\big(-\tfrac{1}{D} \sum_d |f_{id} - f_{jd}|\big)

    (Ahn and Kwak, `arXiv:1803.10464 <https://arxiv.org/abs/1803.10464>`_, Eq. 1). The
    backward pass takes the differences again instead of keeping them, which would be 34
    copies of the features at radius 5.

    Args:
        features (Tensor): Shape (N, D, h, w).
        radius (int): In cells, >= 1. Defaults to 5.

    Returns:
        Tensor: In (0, 1], shape (N, P, h, w) with the neighbours of
        :func:`~mmseg_weak.refinement.sparse_walk.pair_offsets`; 0 outside the map.
    """
    affinity = _NeighbourDistance.apply(features, radius).neg().exp()
    inside = neighbour_mask(*features.shape[2:], radius, features.device)
    return affinity * inside


def neighbour_mask(
    height: int, width: int, radius: int, device: torch.device | str | None = None
) -> Tensor:
    """Which neighbours lie in the map, bool, shape (P, h, w)."""
    offsets = pair_offsets(radius)
    mask = torch.ones(len(offsets), height, width, dtype=torch.bool, device=device)
    for inside, (dy, dx) in zip(mask, offsets):
        cut_outside(inside, dy, dx, False)
    return mask


def neighbour_values(maps: Tensor, radius: int, fill: float) -> Tensor:
    """Value of each neighbour, ``fill`` outside the map.

    Args:
        maps (Tensor): Shape (N, h, w).
        radius (int): In cells.
        fill (float): Value outside.

    Returns:
        Tensor: Shape (N, P, h, w).
    """
    offsets = pair_offsets(radius)
    n, height, width = maps.shape
    values = maps.new_full((n, len(offsets), height, width), fill)
    for p, offset in enumerate(offsets):
        here, there = _areas(height, width, *offset)
        values[:, p][here] = maps[there]
    return values


class _NeighbourDistance(torch.autograd.Function):
    """Mean absolute difference of each cell and its neighbours, (N, P, h, w)."""

    @staticmethod
    def forward(ctx, features: Tensor, radius: int) -> Tensor:
        """Affinities of all neighbours."""
        ctx.save_for_backward(features)
        ctx.radius = radius
        offsets = pair_offsets(radius)
        n, _, height, width = features.shape
        distance = features.new_zeros(n, len(offsets), height, width)
        for p, offset in enumerate(offsets):
            here, there = _areas(height, width, *offset)
            difference = (features[here] - features[there]).abs_()
            distance[:, p][here] = difference.mean(dim=1)
        return distance

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        """Gradient of the features."""
        (features,) = ctx.saved_tensors
        total = torch.zeros_like(features)
        height, width = features.shape[2:]
        gradient = gradient / features.shape[1]
        for p, offset in enumerate(pair_offsets(ctx.radius)):
            here, there = _areas(height, width, *offset)
            sign = (features[here] - features[there]).sign_()
            sign *= gradient[:, p][here][:, None]
            total[here] += sign
            total[there] -= sign
        return total, None


def _areas(height: int, width: int, dy: int, dx: int) -> tuple[tuple, tuple]:
    """Index of the cells that have a neighbour, and of these neighbours."""
    rows = max(0, height - dy)
    columns = max(0, width - abs(dx))
    left, right = max(0, -dx), max(0, dx)
    if not columns:
        left = right = 0
    here = (..., slice(0, rows), slice(left, left + columns))
    there = (..., slice(dy, dy + rows), slice(right, right + columns))
    return here, there
