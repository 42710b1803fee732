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

    @torch.no_grad()
    def label(
        self,
        image: Tensor,
        cams: Tensor,
        labels: Sequence[int] | Tensor,
        background_score: float | Tensor | None = None,
        steps: Sequence[Refinement] = (),
        image_id: str = '',
    ) -> Tensor:
        """Background and classes compete for every pixel.

        An image without classes, and one whose maps are zero everywhere, is background.

        Args:
            image (Tensor): RGB in [0, 1], shape (1, 3, H, W).
            cams (Tensor): Normalised maps in [0, 1], shape (n, H, W).
            labels (Sequence[int] | Tensor): Class index of each map.
            background_score (float, optional): Not used with ``background_power``.
            steps (Sequence[Callable]): Of :meth:`build_steps`. Defaults to none.
            image_id (str): For steps that read a file. Defaults to ''.

        Returns:
            Tensor: Long, shape (H, W), 255 where unknown.
        """
        if self.background_power is not None:
            background_score = power_background(cams, self.background_power)
        return self._compete(image, cams, labels, background_score, steps, image_id)

    def _compete(self, image, cams, labels, background_score, steps, image_id) -> Tensor:
        labels = torch.as_tensor(labels, dtype=torch.long, device=cams.device)
        names = torch.cat([labels.new_tensor([self.background]), labels])
        constant = cams.new_zeros(1, *image.shape[2:]) + background_score
        scores = torch.cat([constant, cams])[None]
        if len(labels):
            for step in steps:
                scores = refine_scores(step, image, scores, image_ids=[image_id])
        best, index = scores[0].max(dim=0)
        result = names[index]
        if self.threshold > 0:
            share = best / scores[0].sum(dim=0).clamp(min=1e-12)
            result = torch.where(share < self.threshold, IGNORE_INDEX, result)
        return result


@dataclass(frozen=True)
class AffinityLabelRule(CamLabelRule):
    """Labels that an affinity network learns from: confident objects and background.

    Ahn and Kwak, CVPR 2018, `arXiv:1803.10464 <https://arxiv.org/abs/1803.10464>`_,
    section 3.2. Background is ``(1 - max_c cam_c) ** power``. A pixel has a class where the
    refined scores say so although background is amplified (``background_power``), it is
    background where they say so although it is weakened (``high_power``), else unknown. As
    published, the scores go through a dense CRF.

    Attributes:
        background_power (float): Power that amplifies background, as published 4.
        high_power (float): Power that weakens it, as published 32.

    Raises:
        ValueError: Not 0 < background_power < high_power.
    """

    background_power: float = 4.0
    high_power: float = 32.0

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.background_power, self.high_power
        if not 0 < low < high < float('inf'):
            raise ValueError(
                'affinity labels need two powers of the background score with '
                f'0 < low < high, got {low} and {high}'
            )

    @torch.no_grad()
    def label(
        self,
        image: Tensor,
        cams: Tensor,
        labels: Sequence[int] | Tensor,
        background_score: float | Tensor | None = None,
        steps: Sequence[Refinement] = (),
        image_id: str = '',
    ) -> Tensor:
        """See :meth:`CamLabelRule.label`; without any class all is background."""
        powers = (self.background_power, self.high_power)
        scores = [power_background(cams, power) for power in powers]
        objects, ground = (
            self._compete(image, cams, labels, score, steps, image_id) for score in scores
        )
        result = torch.where(objects == self.background, IGNORE_INDEX, objects)
        return torch.where(ground == self.background, self.background, result)


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
