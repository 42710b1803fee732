"""Losses of logits and image: what looks alike should be labelled alike."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..._ranges import Share, check_ranges
from ...constants import IGNORE_INDEX
from .ramp import ramp_of_run
from .reduction import WeightedLoss, global_denominator


class ImageCells(NamedTuple):
    """What a loss knows of the cells of the logits.

    Attributes:
        images (Tensor): RGB in [0, 1], shape (N, 3, h, w).
        valid (Tensor): Cells without padding, bool, shape (N, h, w).
        clicks (Tensor): A click label of each cell, shape (N, h, w), 255 without.
        stride (float): Pixels of the image that a cell is wide.
        classes (Tensor, optional): Classes that an image may show, bool, shape (N, C); None
            if the loss does not ask.
    """

    images: Tensor
    valid: Tensor
    clicks: Tensor
    stride: float = 1.0
    classes: Tensor | None = None


class ImageLoss(WeightedLoss):
    """Base of regularised losses, computed at the resolution of the logits.

    mmseg's losses see logits and labels only. These get the image as well, from
    ``SeminarSegmentor(regularisation=[...])``, whatever the head. Write :meth:`energy`.

    Args:
        ramp_ratio (float): Share of the run, in [0, 1], over which the factor grows to
            ``loss_weight``: colours have little to say before the clicks have been learnt.
            Defaults to 0, none.
        loss_weight (float): Factor of the loss, >= 0.
        loss_name (str): Key in the loss dict; keep ``loss`` in it.

    Attributes:
        asks_classes (bool): Whether :attr:`ImageCells.classes` are wanted.
        background (int, optional): A class that every image may show.

    Raises:
        ValueError: An option is out of its range.
    """

    asks_classes = False
    background: int | None = 0

    @check_ranges
    def __init__(self, ramp_ratio: Share = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.ramp_ratio = ramp_ratio

    def energy(self, logits: Tensor, cells: ImageCells) -> tuple[Tensor, Tensor]:
        """Sum over the batch and what it is divided by.

        Args:
            logits (Tensor): Shape (N, C, h, w), float32 or wider.
            cells (ImageCells): Of the same h and w.

        Returns:
            tuple[Tensor, Tensor]: Two scalars; the second has no gradient.
        """
        raise NotImplementedError

    def forward(
        self,
        logits: Tensor,
        images: Tensor,
        sizes: Tensor | None = None,
        clicks: Tensor | None = None,
        classes: Tensor | None = None,
    ) -> Tensor:
        """Weighted energy per term, over all ranks.

        Args:
            logits (Tensor): Shape (N, C, h, w).
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            sizes (Tensor, optional): Valid height and width of each image in its top-left
                corner, shape (N, 2). Defaults to None, all is valid.
            clicks (Tensor, optional): Labels of clicked pixels, shape (N, H, W), 255
                elsewhere. Defaults to None, there are none.
            classes (Tensor, optional): Classes that an image may show, bool, shape (N, C).
                Defaults to None, any.

        Returns:
            Tensor: Scalar, float32 or wider, 0 with zero gradient where nothing counts.

        Raises:
            ValueError: Images and logits are not of the same batch.
        """
        if len(images) != len(logits) or images.ndim != 4:
            raise ValueError(
                f'{type(self).__name__}: images {tuple(images.shape)} do not fit logits '
                f'{tuple(logits.shape)}'
            )
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        size, stride = tuple(logits.shape[2:]), images.shape[2] / logits.shape[2]
        with torch.no_grad():
            small = F.adaptive_avg_pool2d(images.to(logits), size)
            valid = valid_cells(sizes, images, size)
            labels = clicks_of_cells(clicks, images, size)
        cells = ImageCells(small, valid, labels, stride, classes)
        total, count = self.energy(logits, cells)
        weight = self.loss_weight * ramp_of_run(self.ramp_ratio)
        return weight * total / global_denominator(count)


def valid_cells(sizes: Tensor | None, images: Tensor, size: tuple[int, int]) -> Tensor:
    """Cells of a grid that lie whole in the valid area, bool, shape (N, h, w).

    Args:
        sizes (Tensor, optional): Shape (N, 2), None for all.
        images (Tensor): Shape (N, 3, H, W).
        size (tuple[int, int]): Height h and width w of the grid.
    """
    valid = torch.ones(len(images), *size, dtype=torch.bool, device=images.device)
    if sizes is None:
        return valid
    sizes = sizes.to(images.device, non_blocking=True)
    rows, columns = (
        torch.arange(1, n + 1, device=images.device) * (full / n) <= sizes[:, i, None]
        for i, (n, full) in enumerate(zip(size, images.shape[2:]))
    )
    return rows[:, :, None] & columns[:, None]


def clicks_of_cells(clicks: Tensor | None, images: Tensor, size: tuple[int, int]) -> Tensor:
    """One click label of each cell of a grid, the largest, 255 without.

    Args:
        clicks (Tensor, optional): Labels, shape (N, H, W), 255 elsewhere.
        images (Tensor): Shape (N, 3, H, W).
        size (tuple[int, int]): Height h and width w of the grid.

    Returns:
        Tensor: Long, shape (N, h, w).
    """
    if clicks is None:
        shape = (len(images), *size)
        return torch.full(shape, IGNORE_INDEX, device=images.device)
    labels = clicks.masked_fill(clicks == IGNORE_INDEX, -1)[:, None].float()
    labels = F.adaptive_max_pool2d(labels, size)[:, 0].long()
    return labels.masked_fill(labels < 0, IGNORE_INDEX)


class QuadraticForm(torch.autograd.Function):
    """x . F x of a linear map whose transpose is known, without a graph of the map.

    ``apply(x, fx, gradient)``: x and F x of any shape, and (F + F^T) x, the derivative.
    """

    @staticmethod
    def forward(ctx, x: Tensor, fx: Tensor, gradient: Tensor) -> Tensor:
        """Scalar sum of x . F x."""
        ctx.save_for_backward(gradient)
        return (x * fx).sum()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        """Derivative by x; F has none."""
        return grad * ctx.saved_tensors[0], None, None
