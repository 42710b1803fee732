"""What each branch learns, when and how strongly, and what a run tells about it."""

from dataclasses import dataclass

import torch
from mmengine.logging import MessageHub
from torch import Tensor

from ...constants import IGNORE_INDEX
from ...refinement.pseudo_label import segmentation_label
from ..losses.bidirectional import balanced_cross_entropy, cam_to_seg_loss, seg_to_cam_loss

C2S_LOSSES = dict(bce=cam_to_seg_loss, balanced_ce=balanced_cross_entropy)


@dataclass(frozen=True)
class Supervision:
    """Weights and forms of the losses; a loss of weight 0 is not computed.

    Attributes:
        cls (float): Weight of the tags.
        c2s (float): Weight of the CAM labels for the segmentation branch.
        s2c (float): Weight of the segmentation labels for the CAMs.
        affinity (float): Weight of the affinity loss.
        c2s_loss (str): ``bce`` (BMP) or ``balanced_ce`` (AFA).
        threshold (float): Confidence of a segmentation label.
        s2c_with_background (bool): Background teaches the CAMs too.
        threshold_on_probability (bool): ``threshold`` is one of probabilities.

    Raises:
        ValueError: An option is out of its range.
    """

    cls: float = 1.0
    c2s: float = 0.7
    s2c: float = 0.1
    affinity: float = 0.1
    c2s_loss: str = 'bce'
    threshold: float = 0.75
    s2c_with_background: bool = False
    threshold_on_probability: bool = False

    def __post_init__(self) -> None:
        weights = (self.cls, self.c2s, self.s2c, self.affinity)
        if not all(0 <= weight < float('inf') for weight in weights):
            raise ValueError(f'Supervision: weights must be finite and >= 0, got {self}')
        if self.c2s_loss not in C2S_LOSSES:
            raise ValueError(
                f'Supervision: c2s_loss must be in {tuple(C2S_LOSSES)}, got '
                f'{self.c2s_loss!r}'
            )
        if self.threshold_on_probability and not 0 < self.threshold < 1:
            raise ValueError(
                f'Supervision: threshold must be a probability, got {self.threshold}'
            )

    @property
    def uses_segmentation(self) -> bool:
        """Whether the segmentation branch teaches or learns."""
        return self.c2s > 0 or self.s2c > 0

    def seg_labels(self, seg_logits: Tensor, boxes: Tensor) -> Tensor:
        """Y_s, shape (N, H, W), see :func:`mmseg_weak.refinement.segmentation_label`."""
        return segmentation_label(
            seg_logits.detach(),
            boxes,
            self.threshold,
            self.threshold_on_probability,
            self.s2c_with_background,
        )

    def c2s_term(self, seg_logits: Tensor, cam_labels: Tensor) -> Tensor:
        """Weighted loss of P_s, (N, C + 1, H, W), against Y_c, (N, H, W)."""
        return self.c2s * C2S_LOSSES[self.c2s_loss](seg_logits, cam_labels)

    def s2c_term(self, cam_logits: Tensor, seg_labels: Tensor) -> Tensor:
        """Weighted loss of P_c, (N, C, H, W), against Y_s, (N, H, W)."""
        loss = seg_to_cam_loss(cam_logits, seg_labels, self.s2c_with_background)
        return self.s2c * loss


@dataclass(frozen=True)
class MutualPromotionSchedule:
    """Two switches by iteration, counted from 0 as the published code does.

    A pure function of the iteration, so a resumed run needs no state.

    Attributes:
        segmentation_start (int): Up to and including this iteration only the tags are
            learnt. Defaults to 2000.
        propagation_start (int, optional): From this iteration on the CAM labels come from
            background-aware propagation instead of PAR; None means never. Defaults to
            4000.

    Raises:
        ValueError: A switch is negative.
    """

    segmentation_start: int = 2000
    propagation_start: int | None = 4000

    def __post_init__(self) -> None:
        switches = (self.segmentation_start, self.propagation_start or 0)
        if min(switches) < 0:
            raise ValueError(f'MutualPromotionSchedule: switches must be >= 0, got {self}')

    def trains_segmentation(self, iteration: int) -> bool:
        """Whether any loss but that of the tags counts."""
        return iteration > self.segmentation_start

    def propagates_background(self, iteration: int) -> bool:
        """Whether the CAM labels use the segmentation branch's background."""
        return self.propagation_start is not None and iteration >= self.propagation_start


def current_iteration() -> int:
    """Iteration of the running training, from 0; 0 outside a runner."""
    return int(MessageHub.get_current_instance().get_info('iter', 0) or 0)


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
