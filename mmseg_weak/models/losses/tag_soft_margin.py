"""Classification of image tags."""

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .reduction import WeightedLoss, global_denominator


@MODELS.register_module()
class TagSoftMarginLoss(WeightedLoss):
    r"""Multi-label soft margin loss of image tags, normalised over all ranks.

    .. math::
        L = -\frac{1}{N C} \sum_{n,c} t_{nc} \log \sigma(x_{nc})
            + (1 - t_{nc}) \log (1 - \sigma(x_{nc}))

    as in `Sub-category Exploration <https://arxiv.org/abs/2008.01183>`_, Eq. 1: mean over
    the classes, then over the images of the batch, of all ranks when distributed.
    """

    default_name = 'loss_tags'

    def forward(self, logits: Tensor, tags: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss of the batch.

        Args:
            logits (Tensor): Shape (N, C).
            tags (Tensor): 0 or 1, shape (N, C).
            weight (Tensor, optional): Weight >= 0 of each image, shape (N,), which counts
                in the denominator. Defaults to None.

        Returns:
            Tensor: Scalar, 0 with zero gradient for an empty batch.

        Raises:
            ValueError: The shapes differ.
        """
        if logits.shape != tags.shape:
            raise ValueError(
                f'TagSoftMarginLoss: logits {tuple(logits.shape)} and tags '
                f'{tuple(tags.shape)} differ in shape'
            )
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        tags = tags.to(logits)
        loss = F.binary_cross_entropy_with_logits(logits, tags, reduction='none')
        loss = loss.sum(dim=1) / max(1, logits.shape[1])
        weight = loss.new_ones(len(loss)) if weight is None else weight.to(loss)
        total = (loss * weight).sum()
        # A tiny bound: weights may sum to less than one, and an empty batch gives 0.
        return self.loss_weight * total / global_denominator(weight.sum(), minimum=1e-6)
