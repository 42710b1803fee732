"""Gated CRF loss: a CRF of all pairs within a window, without a filter."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Count, Positive, check_ranges
from .image_loss import ImageLoss, QuadraticForm
from .potts import pair_views


@MODELS.register_module()
class GatedCRFLoss(ImageLoss):
    r"""Mean energy :math:`\sum_i \sum_{j \in \mathcal N(i)} k_{ij} (1 - p_i^\top p_j)`.

    `Gated CRF Loss for Weakly Supervised Semantic Image Segmentation
    <https://arxiv.org/abs/1906.04651>`_ (Obukhov et al., 2019), with one Gaussian kernel on
    place and colour and gates that close padding; per valid cell, over all ranks. Only half
    the window is read, and no neighbourhood is unfolded: memory is that of a few maps.

    Args:
        radius (int): Half side of the window in cells of the logits, >= 1. Defaults to 5,
            120 neighbours.
        sigma_xy (float): Standard deviation of the place, in cells. Defaults to 6.
        sigma_rgb (float): Of the colour, RGB in [0, 1]. Defaults to 0.1.
        **kwargs: Of :class:`.WeightedLoss`.

    Raises:
        ValueError: An option is out of its range.
    """

    default_name = 'loss_gated_crf'

    @check_ranges
    def __init__(
        self,
        radius: Count = 5,
        sigma_xy: Positive = 6.0,
        sigma_rgb: Positive = 0.1,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.radius, self.sigma_xy, self.sigma_rgb = radius, sigma_xy, sigma_rgb

    def energy(
        self, logits: Tensor, images: Tensor, valid: Tensor, clicks: Tensor, stride: float
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`; counts the valid cells, which are the gates."""
        probs, mask = logits.softmax(dim=1), valid.to(logits)
        with torch.no_grad():
            features = images / (self.sigma_rgb * 2**0.5)
            values = probs.detach()
            agreed, total = torch.zeros_like(values), probs.new_zeros(())
            for dy in range(self.radius + 1):
                for dx in range(-self.radius if dy else 1, self.radius + 1):
                    first, second = pair_views(features, (dy, dx))
                    square = (first - second).square_().sum(dim=1)
                    square += (dy * dy + dx * dx) / (2 * self.sigma_xy**2)
                    gates = torch.mul(*pair_views(mask, (dy, dx)))
                    kernel = square.neg_().exp_().mul_(gates)
                    total += 2 * kernel.sum()
                    near, far = pair_views(agreed, (dy, dx))
                    first, second = pair_views(values, (dy, dx))
                    near.addcmul_(kernel[:, None], second)
                    far.addcmul_(kernel[:, None], first)
        return total - QuadraticForm.apply(probs, agreed, 2 * agreed), mask.sum()
