"""Binary losses: which classes does an image show, is there any object at a pixel?"""

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


@MODELS.register_module()
class ForegroundBCELoss(WeightedLoss):
    r"""Pixel cross-entropy of one sigmoid output, mean over the labelled pixels.

    The label transfer network of `Transferable Semi-supervised Semantic Segmentation
    <https://arxiv.org/abs/1711.06828>`_. Normalised over all ranks; nothing labelled
    gives 0, where mmseg's ``CrossEntropyLoss(use_sigmoid=True)`` fails.
    """

    default_name = 'loss_foreground'

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **kwargs,
    ) -> Tensor:
        """Mean loss of the pixels with a label.

        Args:
            pred (Tensor): Logits, shape (N, 1, H, W).
            target (Tensor): 0 background, 1 object, ``ignore_index``; shape (N, H, W). Any
                other class index counts as an object.
            weight (Tensor, optional): Pixel weights >= 0, shape (N, H, W), which count in
                the denominator.
            ignore_index (int): Value of unlabelled pixels. Defaults to 255.
            **kwargs: Ignored.

        Returns:
            Tensor: Scalar.

        Raises:
            ValueError: ``pred`` has more than one channel.
        """
        if pred.shape[1] != 1:
            raise ValueError(
                f'ForegroundBCELoss needs one output per pixel, got {pred.shape[1]}: set '
                'num_classes=2 and out_channels=1 in the head'
            )
        logits = pred[:, 0].to(torch.promote_types(pred.dtype, torch.float32))
        valid = (target != ignore_index).to(logits.dtype)
        if weight is not None:
            valid = valid * weight
        loss = F.binary_cross_entropy_with_logits(
            logits, (target > 0).to(logits.dtype), valid, reduction='sum'
        )
        return self.loss_weight * loss / global_denominator(valid.sum())
