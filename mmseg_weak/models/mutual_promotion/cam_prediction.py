"""Activation maps of the classification branch as a segmentation."""

import torch
from torch import Tensor

from .multi_scale import min_max_normalise


def without_absent_classes(
    seg_logits: Tensor, tag_logits: Tensor, threshold: float
) -> Tensor:
    """Segmentation logits of the classes that an image's predicted tags allow.

    Background and the likeliest class of an image always stay. Ours.

    Args:
        seg_logits (Tensor): Shape (N, C + 1, H, W), background first.
        tag_logits (Tensor): Shape (N, C).
        threshold (float): Smallest tag probability of a class that stays, in [0, 1].

    Returns:
        Tensor: The logits, -10,000 (which half precision still holds) for other classes.
    """
    absent = tag_logits.sigmoid() < threshold
    absent &= tag_logits < tag_logits.amax(dim=1, keepdim=True)
    absent = torch.cat([torch.zeros_like(absent[:, :1]), absent], dim=1)
    return seg_logits.masked_fill(absent[:, :, None, None], -1e4)


def cam_scores(activation: Tensor, present: Tensor, background_score: float) -> Tensor:
    """Scores of background and of the classes that are present.

    Args:
        activation (Tensor): CAM logits or sums of rectified ones, shape (C, H, W).
        present (Tensor): Bool, shape (C,).
        background_score (float): Constant score of background, in [0, 1].

    Returns:
        Tensor: Shape (C + 1, H, W): normalised CAMs, 0 for absent classes.
    """
    cams = min_max_normalise(activation.float().relu()[None])[0]
    cams = cams * present[:, None, None]
    background = torch.full_like(cams[:1], background_score)
    return torch.cat([background, cams])
