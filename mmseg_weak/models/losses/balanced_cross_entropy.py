"""Cross-entropy with background and objects counting the same."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...constants import IGNORE_INDEX
from .reduction import global_denominator


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
