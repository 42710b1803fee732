"""Activation maps become the labels that an affinity network learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..constants import IGNORE_INDEX
from .cam_label import CamLabelRule, cam_label, power_background
from .interface import Refinement

# Dense CRF with the published parameters, the defaults of the function.
STEPS = (dict(type='dense_crf'),)


@dataclass(frozen=True)
class AffinityLabelRule(CamLabelRule):
    """:class:`~mmseg_weak.refinement.cam_label.CamLabelRule` of :func:`affinity_label`.

    Attributes:
        background_power (float): Power that amplifies background.
        high_power (float): Power that weakens it.

    Raises:
        ValueError: Not 0 < background_power < high_power.
    """

    background_power: float = 4.0
    high_power: float = 32.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_powers(self.background_power, self.high_power)

    def label(
        self,
        image: Tensor,
        cams: Tensor,
        labels: Tensor,
        background_score: float | Tensor,
        steps: Sequence[Refinement],
        image_id: str,
    ) -> Tensor:
        """Label one image; ``background_score`` is not used."""
        powers = self.background_power, self.high_power
        return affinity_label(
            image, cams, labels, *powers, steps, self.background, image_id
        )


def check_powers(low: float, high: float) -> None:
    """Refuse powers that leave no room between both labels.

    Raises:
        ValueError: Not 0 < low < high.
    """
    if not 0 < low < high < float('inf'):
        raise ValueError(
            'affinity labels need two powers of the background score with '
            f'0 < low < high, got {low} and {high}'
        )


@torch.no_grad()
def affinity_label(
    image: Tensor,
    cams: Tensor,
    labels: Sequence[int] | Tensor,
    low: float = 4,
    high: float = 32,
    steps: Sequence[Refinement] = (),
    background: int = 0,
    image_id: str = '',
) -> Tensor:
    """Confident objects, confident background and nothing in between: one label map.

    Ahn and Kwak, CVPR 2018, `arXiv:1803.10464 <https://arxiv.org/abs/1803.10464>`_,
    section 3.2. Background is ``(1 - max_c cam_c) ** power``. A pixel has a class where the
    refined scores say so although background is amplified (``low``), it is background
    where they say so although it is weakened (``high``), else unknown.

    Args:
        image (Tensor): RGB in [0, 1], shape (1, 3, H, W).
        cams (Tensor): Normalised maps in [0, 1], shape (n, H, W).
        labels (Sequence[int] | Tensor): Class index of each map.
        low, high (float): Powers, 0 < low < high. Default to the published 4 and 32.
        steps (Sequence[Callable]): What the scores go through, as published a dense CRF,
            see :class:`~mmseg_weak.refinement.cam_label.CamLabelRule`.
        background (int): Index of the background class. Defaults to 0.
        image_id (str): For steps that read a file. Defaults to ''.

    Returns:
        Tensor: Long, shape (H, W), 255 where unknown. Without any class, or with maps that
        are zero everywhere, all background.

    Raises:
        ValueError: The powers are out of range.
    """
    check_powers(low, high)
    objects, ground = (
        cam_label(
            image,
            cams,
            labels,
            power_background(cams, power),
            steps,
            background=background,
            image_id=image_id,
        )
        for power in (low, high)
    )
    result = torch.where(objects == background, IGNORE_INDEX, objects)
    return torch.where(ground == background, background, result)
