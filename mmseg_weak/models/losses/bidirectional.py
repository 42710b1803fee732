"""Mutual supervision of a classification and a segmentation branch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...constants import IGNORE_INDEX
from ...refinement.pseudo_label import segmentation_label
from .reduction import global_denominator


def bidirectional_losses(
    seg_logits: Tensor,
    cam_logits: Tensor,
    cam_labels: Tensor,
    boxes: Tensor,
    threshold: float = 0.75,
    s2c_with_background: bool = False,
    threshold_on_probability: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Both directions of supervision of BMP.

    Zhu et al., TNNLS 2025, `arXiv:2308.04949 <https://arxiv.org/abs/2308.04949>`_. CAMs
    teach the segmentation branch by binary cross-entropy against one-hot labels, and
    the segmentation branch's confident labels Y_s teach the CAMs by cross-entropy over
    the C foreground classes:

    .. math::
        L_{c2s} = \frac{1}{(C+1)\max(1,|V_c|)}\sum_{i \in V_c}\sum_{k=0}^{C}
            \mathrm{BCE}(P_s^{ik}, [Y_c^i = k]), \qquad
        L_{s2c} = \frac{1}{\max(1,|V_s|)}\sum_{i \in V_s}
            \mathrm{CE}(P_c^i, Y_s^i - 1)

    with V the pixels whose label is not 255, counted over the batch and all ranks. A
    direction without such a pixel is 0 with zero gradient. Nothing waits for the
    device; half precision logits are computed in float32.

    Args:
        seg_logits (Tensor): P_s, shape (N, C + 1, H, W), channel 0 is background.
        cam_logits (Tensor): P_c, shape (N, C, H, W).
        cam_labels (Tensor): Y_c, shape (N, H, W): class + 1, 0 background, 255 unknown.
        boxes (Tensor): Valid (unpadded) area, shape (N, 4) as y0, y1, x0, x1 in
            pixels, ends exclusive.
        threshold (float): Confidence of Y_s, see
            :func:`mmseg_weak.refinement.segmentation_label`. Defaults to 0.75.
        s2c_with_background (bool): Let confident background teach the CAMs too: the
            cross-entropy then runs over C + 1 classes with a constant background logit
            of 0 beside P_c. Defaults to False, as in the published code.
        threshold_on_probability (bool): Compare the probability of Y_s instead of its
            logit. Defaults to False, as in the published code.

    Returns:
        tuple[Tensor, Tensor]: ``(loss_c2s, loss_s2c)``, scalars, float32 or wider.

    Raises:
        ValueError: Shapes do not fit each other.
    """
    n, channels, height, width = seg_logits.shape
    if cam_logits.shape != (n, channels - 1, height, width):
        raise ValueError(
            f'bidirectional_losses: cam_logits must be {(n, channels - 1, height, width)}'
            f' beside seg_logits {tuple(seg_logits.shape)}, got {tuple(cam_logits.shape)}'
        )
    if cam_labels.shape != (n, height, width):
        raise ValueError(
            f'bidirectional_losses: cam_labels must be {(n, height, width)}, got '
            f'{tuple(cam_labels.shape)}'
        )
    seg_labels = segmentation_label(
        seg_logits, boxes, threshold, threshold_on_probability, s2c_with_background
    )
    return (
        cam_to_seg_loss(seg_logits, cam_labels),
        seg_to_cam_loss(cam_logits, seg_labels, s2c_with_background),
    )


def cam_to_seg_loss(seg_logits: Tensor, cam_labels: Tensor) -> Tensor:
    """The first direction of :func:`bidirectional_losses` alone.

    Args:
        seg_logits (Tensor): P_s, shape (N, C + 1, H, W), channel 0 is background.
        cam_labels (Tensor): Y_c, shape (N, H, W): class + 1, 0 background, 255 unknown.

    Returns:
        Tensor: Scalar, float32 or wider.
    """
    return _masked_mean(_binary_cross_entropy, seg_logits, cam_labels)


def seg_to_cam_loss(
    cam_logits: Tensor, seg_labels: Tensor, with_background: bool = False
) -> Tensor:
    """The second direction of :func:`bidirectional_losses` alone.

    Args:
        cam_logits (Tensor): P_c, shape (N, C, H, W).
        seg_labels (Tensor): Y_s, shape (N, H, W): class + 1, 255 unknown; 0 occurs only
            ``with_background``.
        with_background (bool): ``s2c_with_background``. Defaults to False.

    Returns:
        Tensor: Scalar, float32 or wider.
    """
    if with_background:
        cam_logits = F.pad(cam_logits, (0, 0, 0, 0, 1, 0))
    else:
        seg_labels = torch.where(seg_labels == IGNORE_INDEX, IGNORE_INDEX, seg_labels - 1)
    return _masked_mean(_cross_entropy, cam_logits, seg_labels)


def _masked_mean(pixel_loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over labelled pixels; boolean indexing would wait for their count."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    valid = labels != IGNORE_INDEX
    labels = labels.long().masked_fill(~valid, 0)
    total = (pixel_loss(logits, labels) * valid).sum()
    return total / global_denominator(valid.sum().to(logits.dtype))


def _binary_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over classes against one-hot labels, without building the one-hot map.

    -log sigmoid(x) = softplus(x) - x is needed of the label's class, softplus(x) of all.
    """
    chosen = logits.gather(1, labels[:, None])[:, 0]
    return (F.softplus(logits).sum(dim=1) - chosen) / logits.shape[1]


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction='none')
