"""Cross-entropy on labelled pixels only."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .click_logits import gather_logits, gather_upsampled_logits
from .reduction import global_denominator
from .weighted_loss import WeightedLoss


@MODELS.register_module()
class PartialCrossEntropyLoss(WeightedLoss):
    r"""Partial cross-entropy of click, scribble or other sparse labels.

    .. math::
        L = \frac{\sum_{i \in \Omega_L} w_i w_{y_i} \mathrm{CE}(f(i), y_i)}
                 {\max(1, \sum_{i \in \Omega_L} w_i w_{y_i})}

    with the labelled pixels :math:`\Omega_L` of the whole batch, of all ranks when
    distributed. It is the first term of `Seminar Learning
    <https://arxiv.org/abs/2108.13393>`_. Unlabelled pixels are not read; a batch
    without any label gives 0 with zero gradient.

    Args:
        class_weight (Sequence[float], optional): Weight :math:`w_c` of each class, length
            C. It counts in the denominator. Defaults to None.
        loss_weight (float): Factor of the loss. Defaults to 1.0.
        loss_name (str): Key in the loss dict; keep ``loss`` in it so that it is
            back-propagated. Defaults to ``'loss_pce'``.

    Raises:
        ValueError: A class weight or ``loss_weight`` is negative or not finite.
    """

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_pce',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        for value in () if class_weight is None else class_weight:
            if not 0 <= value < float('inf'):
                raise ValueError(
                    f'PartialCrossEntropyLoss: class_weight must be finite and >= 0, got '
                    f'{value}'
                )
        # Not a buffer, which would add a key to the checkpoint of the plain model.
        self.class_weight = (
            None if class_weight is None else tuple(map(float, class_weight))
        )

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Loss of logits that have the size of the labels.

        Args:
            pred (Tensor): Logits, shape (N, C, H, W), or (N, C, P) of points.
            target (Tensor): Labels, shape (N, H, W) or (N, P), integers in [0, C) or
                ``ignore_index`` where there is no label.
            weight (Tensor, optional): Pixel weights, shape (N, H, W), >= 0; they count in
                the denominator. Defaults to None.
            ignore_index (int): Value of unlabelled pixels. Defaults to 255.

        Returns:
            Tensor: Scalar, float32 or wider.

        Raises:
            ValueError: Shapes or class weights do not fit.
        """
        if pred.shape[2:] != target.shape[1:]:
            raise ValueError(
                f'PartialCrossEntropyLoss: logits {tuple(pred.shape)} and labels '
                f'{tuple(target.shape)} differ in size; use forward_low_resolution or '
                'resize the logits'
            )
        if pred.dim() == 3:  # of PointRend
            pred, target = pred[..., None], target[..., None]
            weight = None if weight is None else weight[..., None]
        index = torch.nonzero(target != ignore_index, as_tuple=True)
        return self._loss(gather_logits(pred, index), target, index, weight)

    def forward_low_resolution(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        align_corners: bool = False,
    ) -> Tensor:
        """Loss of low-resolution logits, read at the labels without upsampling.

        Args:
            pred (Tensor): Logits, shape (N, C, h, w).
            target (Tensor): Labels, shape (N, H, W).
            weight (Tensor, optional): Pixel weights, shape (N, H, W). Defaults to None.
            ignore_index (int): Value of unlabelled pixels. Defaults to 255.
            align_corners (bool): Of the bilinear map it stands for. Defaults to False.

        Returns:
            Tensor: Scalar, equal to upsampling first, see :meth:`forward`.
        """
        index = torch.nonzero(target != ignore_index, as_tuple=True)
        size = (target.shape[1], target.shape[2])
        logits = gather_upsampled_logits(pred, index, size, align_corners)
        return self._loss(logits, target, index, weight)

    def _loss(
        self,
        logits: Tensor,
        target: Tensor,
        index: tuple[Tensor, Tensor, Tensor],
        weight: Tensor | None,
    ) -> Tensor:
        """Weighted cross-entropy of (K, C) logits over the global sum of weights."""
        labels = target[index].long()
        # Half precision sums of many pixels overflow or round: at least float32.
        logits = logits.float() if logits.dtype in (torch.half, torch.bfloat16) else logits
        loss = F.cross_entropy(logits, labels, reduction='none')
        pixel_weight = torch.ones_like(loss) if weight is None else weight[index].to(loss)
        if self.class_weight is not None:
            pixel_weight = pixel_weight * self._class_weights(logits)[labels]
        total = (loss * pixel_weight).sum()
        return self.loss_weight * total / global_denominator(pixel_weight.sum())

    def _class_weights(self, logits: Tensor) -> Tensor:
        """Class weights as a tensor like ``logits``, length C."""
        if len(self.class_weight) != logits.shape[1]:
            raise ValueError(
                f'PartialCrossEntropyLoss: {len(self.class_weight)} class weights for '
                f'{logits.shape[1]} classes'
            )
        return logits.new_tensor(self.class_weight)
