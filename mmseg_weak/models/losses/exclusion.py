"""Loss of pixels of which only is known what they do not show."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .click_logits import gather_logits, gather_upsampled_logits
from .reduction import WeightedLoss, global_denominator


@MODELS.register_module()
class ExclusionLoss(WeightedLoss):
    r"""Likelihood that a pixel shows none of the classes that are excluded there.

    .. math::
        L = \frac{\sum_{i \in \Omega_E} -\log\left(1 - \sum_{c \in E_i} p_c(i)\right)}
                 {\max(1, |\Omega_E|)}

    with the pixels :math:`\Omega_E` of the whole batch, of all ranks when distributed, at
    which someone said "no" to the classes :math:`E_i`. One class is the "no" answer to
    "does this pixel show a cat?", as in Open Images' point labels (`Benenson and Ferrari
    <https://arxiv.org/abs/2210.14142>`_). Several at one pixel are a background click of
    an annotator who looked for some classes only: it is the marginal loss of `Shi et al.
    <https://arxiv.org/abs/2007.03868>`_, for :math:`1 - \sum_{c \in E} p_c` is the
    probability of background or any class outside that vocabulary. A pixel at which every
    class is excluded says nothing and is left out.

    It goes beside :class:`PartialCrossEntropyLoss` in ``loss_decode`` of a head of
    ``SeminarSegmentor``, which hands it the "no" points that ``PackWeakSegInputs`` packs.
    """

    default_name = 'loss_exclusion'

    def forward(self, pred: Tensor, exclusions: Tensor, **kwargs) -> Tensor:
        """Loss of logits that have the size of the image.

        Args:
            pred (Tensor): Logits, shape (N, C, H, W).
            exclusions (Tensor): Image, row, column and excluded class, long, shape (K, 4).

        Returns:
            Tensor: Scalar, float32 or wider; 0 with zero gradient without exclusions.

        Raises:
            ValueError: It was given a label map, as heads of other segmentors do.
        """
        if exclusions.ndim != 2 or kwargs:
            raise ValueError(
                'ExclusionLoss was given a label map: it needs SeminarSegmentor and heads '
                'that have no loss of their own'
            )
        index, excluded = group_exclusions(exclusions, pred.shape[1])
        return self._loss(gather_logits(pred, index), excluded)

    def forward_low_resolution(
        self,
        pred: Tensor,
        exclusions: Tensor,
        size: tuple[int, int],
        align_corners: bool = False,
    ) -> Tensor:
        """Loss of low-resolution logits, read at the points without upsampling.

        Args:
            pred (Tensor): Logits, shape (N, C, h, w).
            exclusions (Tensor): See :meth:`forward`.
            size (tuple[int, int]): Height and width of the image.
            align_corners (bool): Of the bilinear map it stands for. Defaults to False.

        Returns:
            Tensor: Scalar, equal to upsampling first.
        """
        index, excluded = group_exclusions(exclusions, pred.shape[1])
        logits = gather_upsampled_logits(pred, index, size, align_corners)
        return self._loss(logits, excluded)

    def _loss(self, logits: Tensor, excluded: Tensor) -> Tensor:
        """Mean over pixels of (K, C) logits, with the excluded classes (K, C) bool."""
        logits = logits.float() if logits.dtype in (torch.half, torch.bfloat16) else logits
        counts = ~excluded.all(dim=1)
        # Where nothing remains, the whole row stands in: a finite 0 with zero gradient.
        masked = logits.masked_fill(excluded & counts[:, None], float('-inf'))
        loss = logits.logsumexp(dim=1) - masked.logsumexp(dim=1)
        total = (loss * counts).sum()
        return self.loss_weight * total / global_denominator(counts.sum().to(total))


def group_exclusions(
    exclusions: Tensor, num_classes: int
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Bring the classes excluded at one pixel together.

    Args:
        exclusions (Tensor): Image, row, column and class, long, shape (K, 4).
        num_classes (int): Number of classes C.

    Returns:
        tuple: Image, row and column of P different pixels, each of shape (P,); and the
        classes excluded there, bool, shape (P, C).
    """
    pixels, where = torch.unique(exclusions[:, :3], dim=0, return_inverse=True)
    excluded = exclusions.new_zeros(len(pixels), num_classes, dtype=torch.bool)
    excluded[where, exclusions[:, 3]] = True
    return pixels.unbind(dim=1), excluded
