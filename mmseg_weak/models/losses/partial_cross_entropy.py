"""Cross-entropy on labelled pixels only."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .click_logits import enlarge, gather_logits, gather_upsampled_logits
from .reduction import WeightedLoss, global_denominator

# Share of labelled pixels from which reading all pixels at once is faster than reading the
# labelled ones one by one, of logits with the labels' size and of smaller ones.
DENSE_SHARE, DENSE_SHARE_LOW = 0.3, 0.15
# So many logits, 256 MiB of float32, a GPU reads at all pixels before the host has learnt
# which of them have a label.
DEVICE_NUMEL = 2**26


@MODELS.register_module()
class PartialCrossEntropyLoss(WeightedLoss):
    r"""Partial cross-entropy of click, scribble or other sparse labels.

    .. math::
        L = \frac{\sum_{i \in \Omega_L} w_i w_{y_i} \mathrm{CE}(f(i), y_i)}
                 {\max(1, \sum_{i \in \Omega_L} w_i w_{y_i})}

    with the labelled pixels :math:`\Omega_L` of the whole batch, of all ranks when
    distributed. It is the first term of `Seminar Learning
    <https://arxiv.org/abs/2108.13393>`_. On a CPU few labelled pixels are read alone,
    on a GPU all pixels of smaller logits are (:func:`reads_all`); a batch without any
    label gives 0 with zero gradient.

    Args:
        class_weight (Sequence[float], optional): Weight :math:`w_c` of each class, length
            C. It counts in the denominator. Defaults to None.
        **kwargs: Of :class:`.WeightedLoss`.

    Raises:
        ValueError: A class weight or ``loss_weight`` is negative or not finite.
    """

    default_name = 'loss_pce'

    def __init__(self, class_weight: Sequence[float] | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
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
        index = _labelled_pixels(target, pred.shape[1], ignore_index, DENSE_SHARE)
        if index is None:
            return self._dense_loss(pred, target, weight, ignore_index)
        logits = gather_logits(pred, index, repeated=False)
        return self._loss(logits, target, index, weight)

    def forward_low_resolution(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        align_corners: bool = False,
    ) -> Tensor:
        """Loss of low-resolution logits, read at few labels without upsampling.

        Args:
            pred (Tensor): Logits, shape (N, C, h, w).
            target (Tensor): Labels, shape (N, H, W).
            weight (Tensor, optional): Pixel weights, shape (N, H, W). Defaults to None.
            ignore_index (int): Value of unlabelled pixels. Defaults to 255.
            align_corners (bool): Of the bilinear map it stands for. Defaults to False.

        Returns:
            Tensor: Scalar, equal to upsampling first, see :meth:`forward`.
        """
        index = _labelled_pixels(target, pred.shape[1], ignore_index, DENSE_SHARE_LOW)
        size = (target.shape[1], target.shape[2])
        if index is None:
            logits = enlarge(pred, size, align_corners)
            return self._dense_loss(logits, target, weight, ignore_index)
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
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        # Gathered logits lie class by class: softmax over the columns runs through rows.
        loss = F.cross_entropy(logits.t()[None], labels[None], reduction='none')[0]
        pixel_weight = torch.ones_like(loss) if weight is None else weight[index].to(loss)
        return self._mean(loss, pixel_weight, labels, logits)

    def _dense_loss(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """The same of (N, C, H, W) logits, where most pixels have a label."""
        labels = target.long()
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        labelled = target != ignore_index
        if weight is None and self.class_weight is None:
            options = dict(ignore_index=ignore_index, reduction='sum')
            total = F.cross_entropy(logits, labels, **options)
            count = labelled.sum(dtype=total.dtype)
            # One product: on a GPU each step of a graph costs more than what it computes.
            return total * (self.loss_weight / global_denominator(count))
        loss = F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction='none')
        pixel_weight = labelled.to(loss)
        if weight is not None:
            pixel_weight = torch.where(labelled, weight.to(loss), 0.0)
        return self._mean(loss, pixel_weight, labels.masked_fill(~labelled, 0), logits)

    def _mean(
        self, loss: Tensor, pixel_weight: Tensor, labels: Tensor, logits: Tensor
    ) -> Tensor:
        """Weighted mean over all ranks, class weights included."""
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


def reads_all(target: Tensor, classes: int) -> bool:
    """Whether logits at all pixels are cheaper than to ask which pixels have a label.

    On a GPU, where the question waits for the device, unless they take much memory.

    Args:
        target (Tensor): Labels, shape (N, H, W).
        classes (int): Number of classes C.
    """
    return target.device.type != 'cpu' and classes * target.numel() <= DEVICE_NUMEL


def _labelled_pixels(
    target: Tensor, classes: int, ignore_index: int, share: float
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Indices of the labelled pixels, None where to read all is faster: where more than a
    share have a label, or see :func:`reads_all`."""
    if reads_all(target, classes):
        return None
    labelled, most = target != ignore_index, share * target.numel()
    if target.device.type != 'cpu':
        # Every question waits for the device, and the indices answer this one too.
        index = torch.nonzero(labelled, as_tuple=True)
        return index if len(index[0]) <= most else None
    flags = labelled.numpy()  # numpy counts and finds few among many five times as fast
    if np.count_nonzero(flags) > most:
        return None
    place = torch.from_numpy(np.flatnonzero(flags))
    height, width = target.shape[1:]
    image, pixel = place // (height * width), place % (height * width)
    return image, pixel // width, pixel % width
