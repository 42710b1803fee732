"""Affinities of pixel pairs, learnt from labels."""

from functools import lru_cache
from typing import Annotated

import torch
from mmengine.dist import get_world_size
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Interval, check_ranges
from ...constants import IGNORE_INDEX
from .reduction import WeightedLoss, global_denominator


@MODELS.register_module()
class PixelAffinityLoss(WeightedLoss):
    r"""Affinity loss of AFA and BMP.

    Ru et al., CVPR 2022, `arXiv:2203.02664 <https://arxiv.org/abs/2203.02664>`_, Eq. 6.
    Labels are sampled (nearest) on the grid of the affinity. Two cells with known
    labels, at most ``radius`` apart in rows and in columns, are a positive pair if
    their labels are equal (a cell and itself are one) and a negative pair otherwise:

    .. math::
        L = \frac{1}{2}\,\frac{\sum_{pos} (1 - p)}{N_{pos} + 1}
          + \frac{1}{2}\,\frac{\sum_{neg} p}{N_{neg} + 1}

    with sums and counts over the batch and all ranks. Without known labels it is 0
    with zero gradient.

    Args:
        radius (int): Half side of the square window, in cells. Defaults to 8.
        **kwargs: Of :class:`.WeightedLoss`.

    Raises:
        ValueError: ``radius`` is negative, or ``loss_weight`` negative or not finite.
    """

    default_name = 'loss_aff'

    @check_ranges
    def __init__(
        self, radius: Annotated[int, Interval(0, says='>= 0')] = 8, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.radius = radius

    def forward(
        self, affinity: Tensor, labels: Tensor, grid_size: tuple[int, int] | None = None
    ) -> Tensor:
        """Loss of predicted affinities.

        Args:
            affinity (Tensor): Probabilities in [0, 1], shape (N, hw, hw), cells of the
                h x w grid in row-major order.
            labels (Tensor): Shape (N, H, W), integers, ``ignore_index`` where unknown.
            grid_size (tuple[int, int], optional): h and w. Defaults to None: the grid
                of ``hw`` cells with one stride for H and W.

        Returns:
            Tensor: Scalar, float32 or wider.

        Raises:
            ValueError: Shapes do not fit each other, or no such grid exists.
        """
        n, cells, others = affinity.shape
        if len(labels) != n or labels.ndim != 3 or cells != others:
            raise ValueError(
                f'PixelAffinityLoss: affinity {tuple(affinity.shape)} must be (N, hw, hw)'
                f' and labels {tuple(labels.shape)} (N, H, W)'
            )
        if grid_size is None:
            grid_size = _infer_grid(cells, *labels.shape[1:])
        elif grid_size[0] * grid_size[1] != cells:
            raise ValueError(f'PixelAffinityLoss: grid {grid_size} has not {cells} cells')
        labels = _sample_nearest(labels, grid_size).flatten(1)
        known = labels != IGNORE_INDEX
        pairs = _window(*grid_size, self.radius, labels.device)
        pairs = pairs & known[:, :, None] & known[:, None]
        same = labels[:, :, None] == labels[:, None]
        positive, negative = pairs & same, pairs & ~same

        affinity = affinity.to(torch.promote_types(affinity.dtype, torch.float32))
        total = torch.stack(
            [((1 - affinity) * positive).sum(), (affinity * negative).sum()]
        )
        count = torch.stack([positive.sum(), negative.sum()]).to(total.dtype)
        # One more pair on all ranks together, not on each.
        denominator = global_denominator(count + 1 / get_world_size())
        return self.loss_weight * 0.5 * (total / denominator).sum()


def _infer_grid(cells: int, height: int, width: int) -> tuple[int, int]:
    """Grid of so many cells whose strides along both axes are the same."""
    stride = (height * width / max(1, cells)) ** 0.5
    rows = [
        h
        for h in range(1, cells + 1)
        if cells % h == 0
        and abs(h - height / stride) < 1
        and abs(cells // h - width / stride) < 1
    ]
    if not rows:
        raise ValueError(
            f'PixelAffinityLoss: {cells} cells are no grid on labels of {height}x{width}'
        )
    best = min(rows, key=lambda h: abs(h - height / stride))
    return best, cells // best


def _sample_nearest(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest sampling of integers, (N, H, W) -> (N, h, w)."""
    for dim, target in zip((1, 2), size):
        index = torch.arange(target, device=labels.device) * labels.shape[dim] // target
        labels = labels.index_select(dim, index)
    return labels


@lru_cache(maxsize=8)
def _window(height: int, width: int, radius: int, device: torch.device) -> Tensor:
    """Which cells see each other, (hw, hw) bool; built once per grid and device."""
    # A mask first built in inference mode could not be used in training later.
    with torch.inference_mode(False):
        y = torch.arange(height, device=device).repeat_interleave(width)
        x = torch.arange(width, device=device).repeat(height)
        near = [(axis[:, None] - axis).abs() <= radius for axis in (y, x)]
        return near[0] & near[1]
