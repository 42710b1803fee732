"""Random walk of scores along learnt affinities."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._ranges import Count, CountOrZero, Positive, check_ranges
from .sparse_walk import SparseWalk, check_maps, cut_denormals, pair_offsets, walk_in_strips


@torch.no_grad()
@check_ranges
def affinity_walk(
    scores: Tensor,
    affinity: Tensor,
    radius: Count = 5,
    beta: Positive = 8,
    num_steps: CountOrZero = 256,
    max_memory: int = 2**28,
) -> Tensor:
    r"""Spread scores between pixels that a network holds for alike.

    AffinityNet (Ahn and Kwak, CVPR 2018, `arXiv:1803.10464
    <https://arxiv.org/abs/1803.10464>`_, Eq. 6 to 8): T is the elementwise power
    :math:`a^\beta` of the symmetric affinities, with :math:`a_{ii} = 1`, each column
    divided by its sum; the result is :math:`s\,T^{steps}`. Sparse like
    :func:`~mmseg_weak.refinement.random_walk`: no matrix of pixels by pixels is built.

    Args:
        scores (Tensor): Shape (C, h, w), floating point, of any range.
        affinity (Tensor): Affinity of each pixel and its neighbour at each of
            :func:`~mmseg_weak.refinement.sparse_walk.pair_offsets`, shape (P, h, w), in
            [0, 1]. Values of neighbours outside the map are not used.
        radius (int): Pixels closer than this are pairs. Defaults to 5 (P = 34).
        beta (float): Power of the affinities, > 0. Defaults to 8.
        num_steps (int): Steps of the walk. Defaults to 256, the published 8 squarings.
        max_memory (int): Bytes that a copy of the affinities may take; a larger map is
            walked in strips. Defaults to 2^28.

    Returns:
        Tensor: Shape (C, h, w), device and dtype of ``scores``. No gradient.

    Raises:
        ValueError: Shapes do not fit, a map is empty, not floating point or not finite,
            the affinities leave [0, 1], or a parameter is out of range.

    Example:
        >>> affinity_walk(torch.rand(3, 20, 31), torch.rand(34, 20, 31)).shape
        torch.Size([3, 20, 31])
    """
    check_maps(scores=scores, affinity=affinity)
    pairs = len(pair_offsets(radius))
    if tuple(affinity.shape) != (pairs, *scores.shape[1:]):
        raise ValueError(
            f'affinity must be ({pairs}, {scores.shape[1]}, {scores.shape[2]}) for radius '
            f'{radius} and these scores, got {tuple(affinity.shape)}'
        )
    if affinity.numel() and (affinity.min() < 0 or affinity.max() > 1):
        raise ValueError(
            f'affinity must lie in [0, 1], got [{affinity.min():g}, {affinity.max():g}]'
        )
    dtype = torch.promote_types(scores.dtype, torch.float32)

    def make_walk(rows: slice) -> SparseWalk:
        part = affinity[:, rows].to(scores.device, dtype, copy=True)
        cut_denormals(part.pow_(beta))
        height, width = part.shape[1:]
        for values, (dy, dx) in zip(part, pair_offsets(radius)):
            cut_outside(values, dy, dx, 0)
        flat = F.pad(part, (0, radius)).flatten(1)
        return SparseWalk(flat, height, width, radius)

    walked = walk_in_strips(scores.to(dtype), make_walk, radius, num_steps, max_memory)
    return walked.to(scores.dtype)


def cut_outside(values: Tensor, dy: int, dx: int, fill: float) -> None:
    """Overwrite what belongs to a pixel whose neighbour lies outside the map.

    Args:
        values (Tensor): Shape (..., h, w), changed in place.
        dy, dx (int): The neighbour, dy >= 0.
        fill (float): Value to write.
    """
    height, width = values.shape[-2:]
    values[..., max(0, height - dy) :, :] = fill
    if dx > 0:
        values[..., max(0, width - dx) :] = fill
    elif dx < 0:
        values[..., : min(-dx, width)] = fill
