"""The teacher-student term: what is compared, where, and how strongly."""

import math

from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ...refinement import PixelAdaptiveRefinement
from ...refinement.class_restriction import RESTRICTIONS
from .teacher_logits import (
    image_class_mask,
    refine_logits,
    restrict_foreground,
    restrict_logits,
    scale_class_prior,
    unlabelled_mask,
)


def ramp_up(step: int, length: float) -> float:
    r"""Ramp :math:`\exp(-5 (1 - \min(1, t / T_r))^2)` from 0.0067 to 1.

    Args:
        step (int): Iterations done so far, t.
        length (float): Iterations until the ramp ends, T_r; 0 means no ramp.

    Returns:
        float: Factor in (0, 1].
    """
    progress = min(1.0, step / length) if length > 0 else 1.0
    return math.exp(-5 * (1 - progress) ** 2)


@MODELS.register_module()
class TeacherConsistency(BaseModule):
    """Ramped consistency of the student's logits with the teacher's.

    Definition 2 of our reading of `Seminar Learning <https://arxiv.org/abs/2108.13393>`_,
    computed at the resolution of the logits.

    Args:
        loss (dict): Config of the distance, usually
            :class:`~mmseg_weak.models.losses.PixelConsistencyLoss`, whose ``loss_weight``
            is the ramp's end w_max.
        ramp_ratio (float): Share of the run until the weight is reached, in [0, 1].
            Defaults to 0.25.
        class_restriction (str, optional): Take from the teacher only background and the
            classes clicked in the image. ``renormalise``: the remaining probabilities are
            divided by their sum, as in the definition. ``foreground`` (ours): background
            keeps its probability and the image's foreground classes share the rest, see
            :func:`~mmseg_weak.models.seminar.teacher_logits.restrict_foreground`.
            Defaults to None, all classes.
        background_prior (float): Factor > 0 on the teacher's background odds; below 1 it
            counters the bias towards background that a few clicks leave. Defaults to 1.
        refinement (dict, optional): Arguments of
            :class:`~mmseg_weak.refinement.PixelAdaptiveRefinement`, applied to the
            teacher's probabilities at the resolution of the logits (ours). Defaults to
            None, no refinement.
        background (int, optional): Index of the background class, None where no class is
            background. Defaults to 0.

    Raises:
        ValueError: An option lies outside its range, or needs a background class.
    """

    def __init__(
        self,
        loss: dict,
        ramp_ratio: float = 0.25,
        class_restriction: str | None = None,
        background_prior: float = 1.0,
        refinement: dict | None = None,
        background: int | None = 0,
    ) -> None:
        super().__init__()
        if not 0 <= ramp_ratio <= 1:
            raise ValueError(
                f'TeacherConsistency: ramp_ratio must be in [0, 1], got {ramp_ratio}'
            )
        if class_restriction not in RESTRICTIONS:
            raise ValueError(
                f'TeacherConsistency: class_restriction must be in {RESTRICTIONS}, got '
                f'{class_restriction!r}'
            )
        if not 0 < background_prior < math.inf:
            raise ValueError(
                'TeacherConsistency: background_prior must be finite and > 0, got '
                f'{background_prior}'
            )
        if background is None and (
            class_restriction == 'foreground' or background_prior != 1
        ):
            raise ValueError(
                "TeacherConsistency: class_restriction='foreground' and background_prior "
                'need a background class, and background is None'
            )
        self.loss = MODELS.build(loss)
        self.ramp_ratio = ramp_ratio
        self.class_restriction = class_restriction
        self.background_prior = background_prior
        self.background = background
        self.refine = None if refinement is None else PixelAdaptiveRefinement(**refinement)

    def ramp(self) -> float:
        """Current factor of the loss, from the runner's progress; 1 outside a runner."""
        progress = MessageHub.get_current_instance()
        step = progress.get_info('iter', 0)
        total = progress.get_info('max_iters', 0)
        return ramp_up(step, self.ramp_ratio * (total or 0))

    def adapt(
        self, teacher_logits: Tensor, images: Tensor, data_samples: SampleList
    ) -> Tensor:
        """Bring the image's classes, the background prior and colours into the logits."""
        if self.class_restriction is not None:
            num_classes = teacher_logits.shape[1]
            classes = image_class_mask(data_samples, num_classes, self.background)
            if self.class_restriction == 'renormalise':
                teacher_logits = restrict_logits(teacher_logits, classes)
            else:
                teacher_logits = restrict_foreground(
                    teacher_logits, classes, self.background
                )
        teacher_logits = scale_class_prior(
            teacher_logits, self.background_prior, self.background
        )
        if self.refine is not None:
            teacher_logits = refine_logits(teacher_logits, images, self.refine)
        return teacher_logits

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        images: Tensor,
        labels: Tensor,
        data_samples: SampleList,
        align_corners: bool = False,
    ) -> dict[str, Tensor]:
        """Weighted consistency loss.

        Args:
            student_logits (Tensor): Shape (N, C, h, w).
            teacher_logits (Tensor): Shape (N, C, h', w').
            images (Tensor): The teacher's images, shape (N, 3, H, W).
            labels (Tensor): Click labels, shape (N, H, W), 255 where there is none.
            data_samples (list[SegDataSample]): For the image classes and padding.
            align_corners (bool): Of a resize between the two logits. Defaults to False.

        Returns:
            dict[str, Tensor]: The loss under its name.
        """
        size = tuple(student_logits.shape[2:])
        if tuple(teacher_logits.shape[2:]) != size:
            teacher_logits = resize(
                teacher_logits, size, mode='bilinear', align_corners=align_corners
            )
        teacher_logits = self.adapt(teacher_logits, images, data_samples)
        valid = unlabelled_mask(labels, data_samples, size)
        loss = self.loss(student_logits, teacher_logits, valid)
        return {self.loss.loss_name: self.ramp() * loss}
