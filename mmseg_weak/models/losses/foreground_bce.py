"""Loss of a class-agnostic network: is there any object at a pixel?"""

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .reduction import WeightedLoss, global_denominator


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
