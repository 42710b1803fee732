"""Students learn from labels that networks of other architectures make."""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.models import SegDataPreProcessor
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ..._ranges import NonNegative, check_ranges
from ...constants import IGNORE_INDEX
from ...refinement import LabelRule, PseudoLabel, build_refinement, heterogeneous_label
from ...refinement.heterogeneous_label import scores_with_clicks
from ..inference.peers import PeerNetworks
from ..inputs.image_values import to_unit_rgb, valid_sizes
from ..losses.reduction import global_denominator
from ..promptable import PromptablePeer
from ..seminar.consistency import image_class_mask
from .click_loss import stacked_exclusions, stacked_labels


@MODELS.register_module()
class HeterogeneousPseudoLabelHead(BaseModule):
    r"""Heterogeneous pseudo-labels, the student-student term of seminar learning.

    Definition 4 of our reading of `Seminar Learning <https://arxiv.org/abs/2108.13393>`_.
    Labels come from frozen ``peers``, which see the crop of the student and cost one
    forward each, or, without peers, from PNGs through
    :class:`~mmseg_weak.datasets.transforms.LoadPseudoLabels`. The loss is

    .. math::
        L_{hpl} = \lambda_h \frac{\sum_{i} w_i \mathrm{CE}(f_s(i), \hat y_i)}
                                {\max(1, \sum_{i} w_i)}

    over the pixels with a label :math:`\hat y_i`, of all ranks when distributed. The
    student's logits are upsampled to the labels, as mmseg does with masks: lower resolution
    would lose the boundaries that the labels were refined for. Peers are no sub-modules
    and there are no parameters, so a checkpoint stays that of the plain model.

    Args:
        peers (Sequence[dict]): ``dict(config='x.py', checkpoint='y.pth')`` of each trained
            network, loaded at the first loss. Defaults to (), labels are read from disk.
        fusion (str): ``single``, ``mean`` or ``agree``. Defaults to ``mean``.
        threshold (float): Smallest confidence of a label, in [0, 1]. Defaults to 0.7.
        refinement (dict, optional): ``dict(type='PixelAdaptiveRefinement', …)`` or another,
            see :func:`~mmseg_weak.refinement.build_refinement`. Defaults to None.
        loss_weight (float): :math:`\lambda_h` >= 0. Defaults to 1.0.
        class_restriction, background_prior, background: See
            :class:`~mmseg_weak.refinement.LabelRule`.
        soft (bool): Learn from the refined probabilities of labelled pixels instead of
            their argmax; online peers only. Defaults to False.
        confidence_weight (bool): :math:`w_i` is the confidence of the label instead of 1;
            online peers only. Defaults to False.
        check_values (bool): See :func:`~mmseg_weak.refinement.heterogeneous_label`.
        loss_name (str): Key of the loss; keep ``loss`` in it. Defaults to ``loss_hpl``.
        temperature (float): See :class:`~mmseg_weak.refinement.LabelRule`. Defaults to 1.
        promptable (dict, optional): SAM or its kin as one more peer, the last: arguments of
             :class:`~mmseg_weak.models.promptable.PromptablePeer`. Defaults to None.

    Raises:
        ValueError: An option lies outside its range, or needs peers.
    """

    @check_ranges
    def __init__(
        self,
        peers: Sequence[Mapping] = (),
        fusion: str = 'mean',
        threshold: float = 0.7,
        refinement: Mapping | Callable | None = None,
        loss_weight: NonNegative = 1.0,
        class_restriction: str | None = 'renormalise',
        background_prior: float = 1.0,
        background: int | None = 0,
        soft: bool = False,
        confidence_weight: bool = False,
        check_values: bool = True,
        loss_name: str = 'loss_hpl',
        temperature: float = 1.0,
        promptable: Mapping | None = None,
    ) -> None:
        super().__init__()
        self.promptable = PromptablePeer(**promptable) if promptable else None
        if not peers and not promptable and (soft or confidence_weight):
            raise ValueError(
                'HeterogeneousPseudoLabelHead: soft and confidence_weight need online '
                'peers; labels from disk have no probabilities'
            )
        self.rule = LabelRule(
            fusion,
            threshold,
            class_restriction,
            background_prior,
            background,
            temperature,
        )
        self.refine = build_refinement(refinement)
        self.peers = PeerNetworks(peers)
        self.loss_weight = loss_weight
        self.soft = soft
        self.confidence_weight = confidence_weight
        self.check_values = check_values
        self.loss_name = loss_name

    def pseudo_label(
        self,
        probs: list[Tensor],
        image_classes: Tensor,
        clicks: Tensor,
        images: Tensor,
        sizes: Tensor | None = None,
        exclusions: Tensor | None = None,
    ) -> PseudoLabel:
        """Labels of images from the probabilities of the peers.

        Args:
            probs (list[Tensor]): Of each peer, shape (N, C, H, W).
            image_classes (Tensor): Classes an image may hold, bool, shape (N, C).
            clicks (Tensor): Shape (N, H, W), long, 255 where there is no click.
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            sizes (Tensor, optional): Valid height and width of each image, shape (N, 2).
            exclusions (Tensor, optional): Points that say "no", shape (K, 4).

        Returns:
            PseudoLabel: Labels of shape (N, H, W), long, 255 where there is none.

        Raises:
            ValueError: See :func:`~mmseg_weak.refinement.heterogeneous_label`.
        """
        return heterogeneous_label(
            probs,
            image_classes,
            clicks,
            images,
            self.rule,
            self.refine,
            sizes,
            self.check_values,
            exclusions=exclusions,
        )

    def loss(
        self,
        logits: Tensor,
        labels: Tensor,
        scores: Tensor | None = None,
        align_corners: bool = False,
    ) -> Tensor:
        """Mean cross-entropy over the labelled pixels of all ranks.

        Args:
            logits (Tensor): Of the student, shape (N, C, h, w).
            labels (Tensor): Shape (N, H, W), long, 255 where there is none.
            scores (Tensor, optional): Probabilities behind the labels, shape (N, C, H, W),
                for ``soft`` and ``confidence_weight``.
            align_corners (bool): Of upsampling the logits. Defaults to False.

        Returns:
            Tensor: Scalar, float32 or wider, 0 with zero gradient where nothing is
            labelled.

        Raises:
            ValueError: ``soft`` or ``confidence_weight`` is set and there are no scores.
        """
        if scores is None and (self.soft or self.confidence_weight):
            raise ValueError('soft and confidence_weight need the scores of the labels')
        size = tuple(labels.shape[1:])
        if tuple(logits.shape[2:]) != size:
            logits = resize(logits, size, mode='bilinear', align_corners=align_corners)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        weight = (labels != IGNORE_INDEX).to(logits)
        if self.confidence_weight:
            weight = weight * scores.amax(dim=1)
        if self.soft:
            loss = F.cross_entropy(logits, scores.to(logits), reduction='none')
        else:
            # Labels are dense: reading them pixel by pixel, as for clicks, would be slower.
            loss = F.cross_entropy(
                logits, labels.long(), ignore_index=IGNORE_INDEX, reduction='none'
            )
        total = (loss * weight).sum()
        return self.loss_weight * total / global_denominator(weight.sum())

    def forward(
        self,
        logits: Tensor,
        inputs: Tensor,
        data_samples: SampleList,
        preprocessor: SegDataPreProcessor,
        align_corners: bool = False,
    ) -> dict[str, Tensor]:
        """Make or fetch the labels of a batch and compare the student with them.

        Args:
            logits (Tensor): Of the student, shape (N, C, h, w).
            inputs (Tensor): Normalised images, shape (N, 3, H, W).
            data_samples (list[SegDataSample]): Clicks, image classes and, without peers,
                ``pseudo_sem_seg``.
            preprocessor (SegDataPreProcessor): What normalised ``inputs``.
            align_corners (bool): Of upsampling the logits. Defaults to False.

        Returns:
            dict[str, Tensor]: The loss and ``hpl_coverage``, the share of pixels that have
            a label, in percent (logged only).
        """
        clicks, scores = stacked_labels(data_samples), None
        if len(self.peers) or self.promptable is not None:
            labels, scores = self._online(
                logits.shape[1], inputs, clicks, data_samples, preprocessor
            )
            if self.soft or self.confidence_weight:
                scores = scores_with_clicks(scores, clicks)
        else:
            labels = self._from_disk(clicks, data_samples)
        coverage = 100 * (labels != IGNORE_INDEX).float().mean()
        return {
            self.loss_name: self.loss(logits, labels, scores, align_corners),
            'hpl_coverage': coverage,
        }

    def _online(
        self,
        num_classes: int,
        inputs: Tensor,
        clicks: Tensor,
        data_samples: SampleList,
        preprocessor: SegDataPreProcessor,
    ) -> PseudoLabel:
        """Labels that the peers make of the student's crops."""
        images = to_unit_rgb(inputs, preprocessor)
        probs = self.peers.probabilities(images, num_classes)
        classes = image_class_mask(data_samples, num_classes, self.rule.background)
        sizes = valid_sizes(data_samples, images.shape[2:])
        if self.promptable is not None:
            told = (clicks, data_samples, sizes, num_classes, self.rule.background)
            others = self.rule.combine(probs, classes) if probs else None
            probs.append(self.promptable.probabilities(images, *told, others))
        points = stacked_exclusions(data_samples)
        return self.pseudo_label(probs, classes, clicks, images, sizes, points)

    @staticmethod
    def _from_disk(clicks: Tensor, data_samples: SampleList) -> Tensor:
        """Labels that the pipeline loaded, clicks on top."""
        for sample in data_samples:
            name = sample.metainfo.get('img_path', 'a sample')
            if 'pseudo_sem_seg' not in sample:
                raise ValueError(
                    f'{name} has no pseudo-label: give HeterogeneousPseudoLabelHead peers, '
                    'or put LoadPseudoLabels into the pipeline'
                )
            if sample.pseudo_sem_seg.data.shape[1:] != clicks.shape[1:]:
                raise ValueError(
                    f'{name}: the pseudo-label is {tuple(sample.pseudo_sem_seg.shape)}, '
                    f'the batch {tuple(clicks.shape[1:])}; WeakSegDataPreProcessor pads it'
                )
        labels = torch.cat([sample.pseudo_sem_seg.data for sample in data_samples])
        return torch.where(clicks != IGNORE_INDEX, clicks, labels)
