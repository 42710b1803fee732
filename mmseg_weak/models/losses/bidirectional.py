"""Mutual supervision of a classification and a segmentation branch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...constants import IGNORE_INDEX
from .reduction import global_denominator


def cam_to_seg_loss(seg_logits: Tensor, cam_labels: Tensor) -> Tensor:
    r"""CAMs teach the segmentation branch of BMP, by BCE against one-hot labels.

    Zhu et al., TNNLS 2025, `arXiv:2308.04949 <https://arxiv.org/abs/2308.04949>`_:

    .. math::
        L_{c2s} = \frac{1}{(C+1)\max(1,|V_c|)}\sum_{i \in V_c}\sum_{k=0}^{C}
            \mathrm{BCE}(P_s^{ik}, [Y_c^i = k])

    with V the pixels whose label is not 255, counted over the batch and all ranks; 0 with
    zero gradient without any. Nothing waits for the device.

    Args:
        seg_logits (Tensor): P_s, shape (N, C + 1, H, W), channel 0 is background; half
            precision is computed in float32.
        cam_labels (Tensor): Y_c, shape (N, H, W): class + 1, 0 background, 255 unknown.

    Returns:
        Tensor: Scalar, float32 or wider.

    Raises:
        ValueError: Shapes do not fit each other.
    """
    return _masked_mean('cam_labels', _binary_cross_entropy, seg_logits, cam_labels)


def seg_to_cam_loss(
    cam_logits: Tensor, seg_labels: Tensor, with_background: bool = False
) -> Tensor:
    r"""Confident labels of the segmentation branch teach the CAMs of BMP.

    .. math::
        L_{s2c} = \frac{1}{\max(1,|V_s|)}\sum_{i \in V_s} \mathrm{CE}(P_c^i, Y_s^i - 1)

    over the C foreground classes; V and the rest as in :func:`cam_to_seg_loss`.

    Args:
        cam_logits (Tensor): P_c, shape (N, C, H, W).
        seg_labels (Tensor): Y_s of :func:`mmseg_weak.refinement.segmentation_label`, shape
            (N, H, W): class + 1, 255 unknown; 0 occurs only ``with_background``.
        with_background (bool): Let confident background teach the CAMs too: the
            cross-entropy then runs over C + 1 classes with a constant background logit of
            0 beside P_c. Defaults to False, as in the published code.

    Returns:
        Tensor: Scalar, float32 or wider.

    Raises:
        ValueError: Shapes do not fit each other.
    """
    if with_background:
        cam_logits = F.pad(cam_logits, (0, 0, 0, 0, 1, 0))
    else:
        seg_labels = torch.where(seg_labels == IGNORE_INDEX, IGNORE_INDEX, seg_labels - 1)
    return _masked_mean('seg_labels', _cross_entropy, cam_logits, seg_labels)


def _masked_mean(name: str, pixel_loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over labelled pixels; boolean indexing would wait for their count."""
    shape = (len(logits), *logits.shape[2:])
    if labels.shape != shape:
        raise ValueError(f'{name} must be {shape}, got {tuple(labels.shape)}')
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


def balanced_cross_entropy(logits: Tensor, labels: Tensor, background: int = 0) -> Tensor:
    r"""Segmentation loss of AFA.

    Ru et al., CVPR 2022, `arXiv:2203.02664 <https://arxiv.org/abs/2203.02664>`_: with the
    pixels :math:`V_0` labelled background and :math:`V_1` labelled with another class,
    counted over the batch and all ranks,

    .. math::
        L = \frac{1}{2|V_0|}\sum_{i \in V_0} \mathrm{CE}_i
          + \frac{1}{2|V_1|}\sum_{i \in V_1} \mathrm{CE}_i

    A part without pixels is 0 with zero gradient. Half precision logits are computed in
    float32, and nothing waits for the device.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        labels (Tensor): Shape (N, H, W), 255 where unknown.
        background (int): Index of the background class. Defaults to 0.

    Returns:
        Tensor: Scalar, float32 or wider.

    Raises:
        ValueError: The shapes do not fit.
    """
    if labels.shape != (len(logits), *logits.shape[2:]):
        raise ValueError(
            f'balanced_cross_entropy: labels {tuple(labels.shape)} do not fit logits '
            f'{tuple(logits.shape)}'
        )
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    loss = F.cross_entropy(
        logits, labels.long(), reduction='none', ignore_index=IGNORE_INDEX
    )
    is_background = labels == background
    is_object = (labels != IGNORE_INDEX) & ~is_background
    groups = torch.stack([is_background, is_object]).to(loss.dtype)
    sums = (groups * loss).sum(dim=(1, 2, 3))
    return 0.5 * (sums / global_denominator(groups.sum(dim=(1, 2, 3)))).sum()
