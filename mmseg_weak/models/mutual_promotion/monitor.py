"""What a training run tells about its own labels; nothing waits for the device."""

import torch
from torch import Tensor

from ...constants import IGNORE_INDEX


@torch.no_grad()
def label_statistics(
    cam_labels: Tensor, seg_labels: Tensor, num_pixels: int
) -> dict[str, Tensor]:
    """Shares of labelled pixels and how often both branches agree.

    Args:
        cam_labels (Tensor): Y_c, shape (N, H, W), 255 where unknown.
        seg_labels (Tensor): Y_s, shape (N, H, W), 255 where unknown.
        num_pixels (int): Unpadded pixels of the batch.

    Returns:
        dict[str, Tensor]: In percent: ``cam_label_share``, ``seg_label_share`` and
        ``label_agreement``, equal labels among pixels that have both (0 without any).
    """
    known_cam, known_seg = cam_labels != IGNORE_INDEX, seg_labels != IGNORE_INDEX
    both = known_cam & known_seg
    equal = both & (cam_labels == seg_labels)
    total = max(1, num_pixels)
    return dict(
        cam_label_share=100 * known_cam.sum() / total,
        seg_label_share=100 * known_seg.sum() / total,
        label_agreement=100 * equal.sum() / both.sum().clamp(min=1),
    )


@torch.no_grad()
def tag_f1(logits: Tensor, tags: Tensor) -> Tensor:
    """F1 of the tags over all images and classes of the batch, in percent.

    Args:
        logits (Tensor): Shape (N, C); a class is predicted where they exceed 0.
        tags (Tensor): Shape (N, C), positive where a class is in the image.

    Returns:
        Tensor: Scalar; 100 where nothing is predicted and nothing is there.
    """
    predicted, present = logits > 0, tags > 0
    right = 2 * (predicted & present).sum()
    wrong = (predicted ^ present).sum()
    return torch.where(right + wrong > 0, 100 * right / (right + wrong).clamp(min=1), 100.0)
