"""Affinities of pixel pairs, learnt from labels."""

from functools import lru_cache
from typing import Annotated

import torch
from mmengine.dist import get_world_size
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Interval, check_ranges
from ...constants import IGNORE_INDEX
from ..affinity import neighbour_values
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
        for dim, target in zip((1, 2), grid_size):
            index = torch.arange(target, device=labels.device) * labels.shape[dim] // target
            labels = labels.index_select(dim, index)  # nearest sampling
        labels = labels.flatten(1)
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


@lru_cache(maxsize=8)
def _window(height: int, width: int, radius: int, device: torch.device) -> Tensor:
    """Which cells see each other, (hw, hw) bool; built once per grid and device."""
    # A mask first built in inference mode could not be used in training later.
    with torch.inference_mode(False):
        y = torch.arange(height, device=device).repeat_interleave(width)
        x = torch.arange(width, device=device).repeat(height)
        near = [(axis[:, None] - axis).abs() <= radius for axis in (y, x)]
        return near[0] & near[1]


EPS = 1e-5


@MODELS.register_module()
class PairAffinityLoss(WeightedLoss):
    r"""Balanced loss of positive and negative pairs.

    Ahn and Kwak, CVPR 2018, `arXiv:1803.10464 <https://arxiv.org/abs/1803.10464>`_, Eq. 2
    to 4. A pair counts if both labels are known. With the means over all pairs of the batch
    (and of all ranks) of :math:`-\log(a + 10^{-5})` for pairs of background and of one
    object class, and of :math:`-\log(1 + 10^{-5} - a)` for pairs of different labels:

    .. math:: L = L_{bg} / 4 + L_{fg} / 4 + L_{neg} / 2

    Args:
        background (int): Label of background. Defaults to 0.
        **kwargs: Of :class:`.WeightedLoss`.
    """

    default_name = 'loss_affinity'

    def __init__(self, background: int = 0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.background = background

    def forward(self, affinity: Tensor, labels: Tensor, radius: int = 5) -> Tensor:
        """Loss of predicted affinities.

        Args:
            affinity (Tensor): See
                :func:`~mmseg_weak.models.affinity.neighbour_affinity`,
                shape (N, P, h, w).
            labels (Tensor): On the grid of the affinities, integers, shape (N, h, w), 255
                where unknown.
            radius (int): That of the affinities. Defaults to 5.

        Returns:
            Tensor: Scalar, 0 with zero gradient if no pair is known.

        Raises:
            ValueError: The shapes do not fit.
        """
        if (len(affinity), *affinity.shape[2:]) != tuple(labels.shape):
            raise ValueError(
                f'PairAffinityLoss: affinity {tuple(affinity.shape)} and labels '
                f'{tuple(labels.shape)} do not fit'
            )
        other = neighbour_values(labels, radius, IGNORE_INDEX)
        labels = labels[:, None]
        known = (labels != IGNORE_INDEX) & (other != IGNORE_INDEX)
        same, background = labels == other, labels == self.background
        pairs = (known & same & background, known & same & ~background, known & ~same)

        affinity = affinity.to(torch.promote_types(affinity.dtype, torch.float32))
        attract = -(affinity + EPS).log()
        repel = -(1 + EPS - affinity).log()
        total = torch.stack(
            [(term * mask).sum() for term, mask in zip((attract, attract, repel), pairs)]
        )
        count = torch.stack([mask.sum() for mask in pairs]).to(total.dtype)
        means = total / global_denominator(count)
        return self.loss_weight * (means * means.new_tensor([0.25, 0.25, 0.5])).sum()
