"""Gated CRF loss: a CRF of all pairs within a window, without a filter."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Count, NonNegative, Positive, check_ranges
from .image_loss import ImageLoss, QuadraticForm
from .potts import pair_views


def gated_crf_energy(
    probs: Tensor,
    images: Tensor,
    valid: Tensor,
    radius: int = 5,
    sigma_xy: float = 6.0,
    sigma_rgb: float = 0.1,
) -> tuple[Tensor, Tensor]:
    r"""Energy :math:`\sum_i \sum_{j \in \mathcal N(i)} k_{ij} (1 - p_i^\top p_j)`.

    `Gated CRF Loss for Weakly Supervised Semantic Image Segmentation
    <https://arxiv.org/abs/1906.04651>`_ (Obukhov et al., 2019), with one Gaussian kernel on
    place and colour and gates that close padding. Only half the window is read, and no
    neighbourhood is unfolded: memory is that of a few maps.

    Args:
        probs (Tensor): Shape (N, C, h, w).
        images (Tensor): RGB in [0, 1], shape (N, 3, h, w).
        valid (Tensor): Bool, shape (N, h, w): the gates.
        radius (int): Half side of the window, in cells. Defaults to 5, 120 neighbours.
        sigma_xy (float): Standard deviation of the place, in cells. Defaults to 6.
        sigma_rgb (float): Of the colour, RGB in [0, 1]. Defaults to 0.1.

    Returns:
        tuple[Tensor, Tensor]: The energy, and the number of valid cells.
    """
    mask = valid.to(probs)
    with torch.no_grad():
        features = images / (sigma_rgb * 2**0.5)
        values = probs.detach()
        agreed, total = torch.zeros_like(values), probs.new_zeros(())
        for dy in range(radius + 1):
            for dx in range(-radius if dy else 1, radius + 1):
                first, second = pair_views(features, (dy, dx))
                square = (first - second).square_().sum(dim=1)
                square += (dy * dy + dx * dx) / (2 * sigma_xy**2)
                gates = torch.mul(*pair_views(mask, (dy, dx)))
                kernel = square.neg_().exp_().mul_(gates)
                total += 2 * kernel.sum()
                near, far = pair_views(agreed, (dy, dx))
                first, second = pair_views(values, (dy, dx))
                near.addcmul_(kernel[:, None], second)
                far.addcmul_(kernel[:, None], first)
    return total - QuadraticForm.apply(probs, agreed, 2 * agreed), mask.sum()


@MODELS.register_module()
class GatedCRFLoss(ImageLoss):
    """Mean of :func:`gated_crf_energy` per valid cell, over all ranks.

    Args:
        radius (int): Half side of the window in cells of the logits, >= 1. Defaults to 5.
        sigma_xy (float): Standard deviation of the place, in cells. Defaults to 6.
        sigma_rgb (float): Of the colour, RGB in [0, 1]. Defaults to 0.1.
        loss_weight (float): Factor. Defaults to 1.0.
        loss_name (str): Key in the loss dict. Defaults to ``'loss_gated_crf'``.

    Raises:
        ValueError: An option is out of its range.
    """

    @check_ranges
    def __init__(
        self,
        radius: Count = 5,
        sigma_xy: Positive = 6.0,
        sigma_rgb: Positive = 0.1,
        loss_weight: NonNegative = 1.0,
        loss_name: str = 'loss_gated_crf',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        self.radius, self.sigma_xy, self.sigma_rgb = radius, sigma_xy, sigma_rgb

    def energy(
        self, logits: Tensor, images: Tensor, valid: Tensor, clicks: Tensor, stride: float
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`."""
        return gated_crf_energy(
            logits.softmax(dim=1),
            images,
            valid,
            self.radius,
            self.sigma_xy,
            self.sigma_rgb,
        )
