"""The teacher-student term: what is compared, where, and how strongly."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.models import SegDataPreProcessor
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ..._ranges import Share, check_ranges
from ...refinement import LabelRule, build_refinement
from ...refinement.class_restriction import exclude_logits
from ...refinement.interface import Refinement, refine_scores
from ..heads.click_loss import stacked_exclusions
from ..inputs.image_values import to_unit_rgb
from ..losses.image_loss import clicks_of_cells
from ..losses.ramp import ramp_of_run


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
        refinement (dict, optional): A boundary refinement, see
            :func:`~mmseg_weak.refinement.build_refinement`, of the teacher's probabilities
            at the resolution of the logits (ours). Without a ``type`` it is
            ``PixelAdaptiveRefinement``. Defaults to None, no refinement.
        class_restriction, background_prior, background: What the teacher knows of the
            image, see :class:`~mmseg_weak.refinement.LabelRule`; the classes are those
            clicked in it. Default to None, 1.0 and 0: all classes, as they are.

    Raises:
        ValueError: An option lies outside its range, or needs a background class.
    """

    @check_ranges
    def __init__(
        self,
        loss: dict,
        ramp_ratio: Share = 0.25,
        class_restriction: str | None = None,
        background_prior: float = 1.0,
        refinement: Mapping | Callable | None = None,
        background: int | None = 0,
    ) -> None:
        super().__init__()
        if isinstance(refinement, Mapping):
            refinement = {'type': 'PixelAdaptiveRefinement', **refinement}
        self.loss = MODELS.build(loss)
        self.ramp_ratio = ramp_ratio
        try:
            self.rule = LabelRule(
                class_restriction=class_restriction,
                background_prior=background_prior,
                background=background,
            )
        except ValueError as error:
            raise ValueError(f'TeacherConsistency: {error}') from None
        self.refine = build_refinement(refinement)

    def adapt(
        self,
        teacher_logits: Tensor,
        images: Tensor,
        labels: Tensor,
        data_samples: SampleList,
        preprocessor: SegDataPreProcessor | None,
    ) -> Tensor:
        """Bring classes of the image, "no" points, prior and colours into the logits."""
        classes = None
        if self.rule.class_restriction is not None:
            num_classes, background = teacher_logits.shape[1], self.rule.background
            classes = image_class_mask(data_samples, num_classes, background)
        teacher_logits = self.rule.restrict_logits(teacher_logits, classes)
        if any(len(sample.get('gt_exclusions', ())) for sample in data_samples):
            points, size = stacked_exclusions(data_samples), tuple(labels.shape[1:])
            teacher_logits = exclude_logits(teacher_logits, points, size)
        if self.refine is not None:
            if preprocessor and not getattr(self.refine, 'any_colour_scale', False):
                images = to_unit_rgb(images, preprocessor)
            teacher_logits = refine_logits(teacher_logits, images, self.refine, labels)
        return teacher_logits

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        images: Tensor,
        labels: Tensor,
        data_samples: SampleList,
        align_corners: bool = False,
        preprocessor: SegDataPreProcessor | None = None,
    ) -> dict[str, Tensor]:
        """Weighted consistency loss.

        Args:
            student_logits (Tensor): Shape (N, C, h, w).
            teacher_logits (Tensor): Shape (N, C, h', w').
            images (Tensor): The teacher's images, shape (N, 3, H, W).
            labels (Tensor): Click labels, shape (N, H, W), 255 where there is none.
            data_samples (list[SegDataSample]): For the image classes and padding.
            align_corners (bool): Of a resize between the two logits. Defaults to False.
            preprocessor (SegDataPreProcessor, optional): What normalised ``images``, for
                refinements. Defaults to None, they are RGB in [0, 1].

        Returns:
            dict[str, Tensor]: The loss under its name.
        """
        size = tuple(student_logits.shape[2:])
        if tuple(teacher_logits.shape[2:]) != size:
            teacher_logits = resize(
                teacher_logits, size, mode='bilinear', align_corners=align_corners
            )
        teacher_logits = self.adapt(
            teacher_logits, images, labels, data_samples, preprocessor
        )
        valid = unlabelled_mask(labels, data_samples, size)
        loss = self.loss(student_logits, teacher_logits, valid)
        return {self.loss.loss_name: ramp_of_run(self.ramp_ratio) * loss}


def image_class_mask(
    data_samples: SampleList, num_classes: int, background: int | None = 0
) -> Tensor:
    """Classes that may occur in each image: background and every clicked class.

    Args:
        data_samples (list[SegDataSample]): Their metainfo ``image_classes`` lists the
            foreground labels of all clicks of the whole image, whatever the crop shows;
            ``known_classes``, where it is there and not None, those that its annotator
            looked for: any other may be in the image.
        num_classes (int): Number of classes C.
        background (int, optional): A class that every image may hold. Defaults to 0.

    Returns:
        Tensor: Bool on the CPU, shape (N, C). An image without a foreground click may hold
        every class: annotators pass over objects, and nothing is known about it.

    Raises:
        ValueError: A sample has no ``image_classes``.
    """
    mask = torch.zeros(len(data_samples), num_classes, dtype=torch.bool)
    for row, sample in zip(mask, data_samples):
        if 'image_classes' not in sample.metainfo:
            raise ValueError(
                f'{sample.metainfo.get("img_path", "a sample")} has no image_classes: the '
                'pipeline needs LoadClicks and PackWeakSegInputs'
            )
        classes = list(sample.metainfo['image_classes'])
        row[classes] = True
        if not classes:
            row[:] = True
        elif background is not None:
            row[background] = True
        known = sample.metainfo.get('known_classes')
        if known is not None:
            row[[c for c in range(num_classes) if c not in known]] = True
    return mask


def refine_logits(
    logits: Tensor, images: Tensor, refine: Refinement, clicks: Tensor | None = None
) -> Tensor:
    """Let the teacher's probabilities follow the boundaries of the image.

    Done at the resolution of the logits, where it costs little.

    Args:
        logits (Tensor): Shape (N, C, h, w), ``-inf`` where a class is excluded.
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        refine (Callable): The refinement.
        clicks (Tensor, optional): Click labels, shape (N, H, W), 255 elsewhere, for
            refinements that need them. Defaults to None.

    Returns:
        Tensor: Logits of the refined probabilities; excluded classes stay excluded.
    """
    size = tuple(logits.shape[2:])
    small = F.adaptive_avg_pool2d(images, size)
    if clicks is not None:
        clicks = clicks_of_cells(clicks, images, size)
    return refine_scores(refine, small, logits.softmax(dim=1), clicks=clicks).log()


def unlabelled_mask(
    labels: Tensor, data_samples: SampleList, size: tuple[int, int], ignore_index: int = 255
) -> Tensor:
    """Valid pixels without a label, at the resolution of the logits.

    Args:
        labels (Tensor): Click labels, shape (N, H, W).
        data_samples (list[SegDataSample]): Their ``img_shape`` is the size before padding
            at the right and the bottom.
        size (tuple[int, int]): Height h and width w of the logits.
        ignore_index (int): Value of unlabelled pixels. Defaults to 255.

    Returns:
        Tensor: Bool, shape (N, h, w): cells that hold neither a click nor padding.
    """
    taken = labels != ignore_index
    for row, sample in zip(taken, data_samples):
        height, width = sample.metainfo.get('img_shape', labels.shape[1:])[:2]
        row[height:] = True
        row[:, width:] = True
    if size != labels.shape[1:]:
        taken = F.adaptive_max_pool2d(taken[:, None].float(), size)[:, 0] > 0
    return ~taken
