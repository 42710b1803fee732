"""Activation maps of the classes present become a label map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from .._ranges import Interval, Share, check_ranges
from ..constants import IGNORE_INDEX
from .interface import Refinement, build_refinement, refine_scores

# Published lower bound of a score before a dense CRF: where a class is not active at all,
# the neighbours must still be able to outvote its -log.
CRF_MIN_SCORE = 1e-5
Power = Annotated[float, Interval(0, is_open=True, says='> 0')]


@check_ranges
@dataclass(frozen=True)
class CamLabelRule:
    """How activation maps become labels.

    Attributes:
        background_score (float | str): Constant score of background in [0, 1], or a rule
            that chooses it for the whole set without ground truth: ``li`` or ``otsu``, see
            :mod:`mmseg_weak.refinement.background_threshold`.
        background_power (float, optional): Background is ``(1 - max_c cam_c)`` to this
            power > 0 instead of a constant.
        steps (tuple[dict, ...]): What scores go through, in this order, see
            :func:`~mmseg_weak.refinement.build_refinement`.
        threshold (float): Pixels whose best score is a smaller share of all scores get 255,
            in [0, 1]. 0 labels every pixel.
        background (int): Index of the background class.

    Raises:
        ValueError: A value is out of its range.
    """

    background_score: Share | Literal['li', 'otsu'] = 'li'
    background_power: Power | None = None
    steps: tuple[dict, ...] = ()
    threshold: Share = 0.0
    background: int = 0

    def __post_init__(self) -> None:
        self.build_steps()

    @property
    def needs_histogram(self) -> bool:
        """Whether the background score is still to be chosen from all activations."""
        return isinstance(self.background_score, str) and self.background_power is None

    def build_steps(self) -> list[Refinement]:
        """The steps, ready to call."""
        steps = [
            dict(min_score=CRF_MIN_SCORE, **step)
            if step.get('type') in ('dense_crf', 'DenseCRFRefinement')
            else step
            for step in self.steps
        ]
        return [build_refinement(step, 'step') for step in steps]

    def label(
        self,
        image: Tensor,
        cams: Tensor,
        labels: Tensor,
        background_score: float | Tensor,
        steps: Sequence[Refinement],
        image_id: str,
    ) -> Tensor:
        """Label one image; arguments as of :func:`cam_label`."""
        return cam_label(
            image,
            cams,
            labels,
            background_score,
            steps,
            self.threshold,
            self.background,
            image_id,
        )


@torch.no_grad()
def cam_label(
    image: Tensor,
    cams: Tensor,
    labels: Sequence[int] | Tensor,
    background_score: float | Tensor,
    steps: Sequence[Refinement] = (),
    threshold: float = 0.0,
    background: int = 0,
    image_id: str = '',
) -> Tensor:
    """Background and classes compete for every pixel.

    An image without classes, and one whose maps are zero everywhere, is background.

    Args:
        image (Tensor): RGB in [0, 1], shape (1, 3, H, W).
        cams (Tensor): Normalised maps in [0, 1], shape (n, H, W).
        labels (Sequence[int] | Tensor): Class index of each map.
        background_score (float | Tensor): Constant, or shape (H, W).
        steps (Sequence[Callable]): See :class:`CamLabelRule`. Defaults to none.
        threshold (float): See :class:`CamLabelRule`. Defaults to 0.
        background (int): Index of the background class. Defaults to 0.
        image_id (str): For steps that read a file. Defaults to ''.

    Returns:
        Tensor: Long, shape (H, W), 255 where the best share is below the threshold.
    """
    labels = torch.as_tensor(labels, dtype=torch.long, device=cams.device)
    names = torch.cat([labels.new_tensor([background]), labels])
    constant = cams.new_zeros(1, *image.shape[2:]) + background_score
    scores = torch.cat([constant, cams])[None]
    if len(labels):
        for step in steps:
            scores = refine_scores(step, image, scores, image_ids=[image_id])
    best, index = scores[0].max(dim=0)
    result = names[index]
    if threshold > 0:
        share = best / scores[0].sum(dim=0).clamp(min=1e-12)
        result = torch.where(share < threshold, IGNORE_INDEX, result)
    return result


def power_background(cams: Tensor, power: float) -> Tensor:
    """Complement of all objects, ``(1 - max_c cam_c) ** power``.

    Args:
        cams (Tensor): In [0, 1], shape (n, H, W).
        power (float): > 0; the larger, the less background.

    Returns:
        Tensor: Shape (H, W), 1 where no class is active.
    """
    if not len(cams):
        return cams.new_ones(cams.shape[1:])
    return (1 - cams.amax(dim=0)).clamp(min=0) ** power
