"""Loss of AffinityNet on pairs of near cells."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...constants import IGNORE_INDEX
from ..affinity.neighbour_affinity import neighbour_values
from .reduction import WeightedLoss, global_denominator

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
                :func:`~mmseg_weak.models.affinity.neighbour_affinity.neighbour_affinity`,
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
