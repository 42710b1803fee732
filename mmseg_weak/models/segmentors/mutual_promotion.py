"""Classification and segmentation branches that promote each other."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from mmengine.config import ConfigDict
from mmengine.logging import print_log
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..cam.tags import stack_tags
from ..heads.cam_head import CAMHead
from ..heads.click_loss import main_logits
from ..inference.fast_convolutions import fuse_frozen_norms
from ..inference.low_precision import bfloat16_or_float32
from ..inputs.image_values import to_unit_rgb
from ..losses.pixel_affinity import PixelAffinityLoss
from ..mutual_promotion.branch_prediction import (
    POOLING,
    BranchExportMixin,
    BranchPredictionMixin,
    cam_scores,
)
from ..mutual_promotion.gate import cam_gate, gate_features
from ..mutual_promotion.label_maker import (
    LabelOptions,
    PresentClasses,
    make_cam_labels,
    valid_boxes,
)
from ..mutual_promotion.multi_scale import background_logits, enlarge, multi_scale_scores
from ..mutual_promotion.supervision import (
    MutualPromotionSchedule,
    Supervision,
    current_iteration,
    label_statistics,
    tag_f1,
)
from ..mutual_promotion.zero_gradients import zero_with_gradients
from .stock_parts import refuse_backbone, refuse_cascade


@MODELS.register_module()
class MutualPromotionSegmentor(BranchExportMixin, BranchPredictionMixin, EncoderDecoder):
    """`BMP <https://arxiv.org/abs/2308.04949>`_: tags in, a segmenter out, one training.

    A classification branch (:class:`~mmseg_weak.models.heads.CAMHead`) and a segmentation
    branch (any mmseg ``decode_head``) share any mmseg backbone. ``loss`` reads the
    metainfo ``image_classes`` and never a mask. ``predict`` segments with the
    segmentation branch and adds the CAMs' segmentation as ``pred_cam_sem_seg``.

    With ``gate=False`` the checkpoint without ``cam_head.*`` and ``affinity_head.*`` is
    that of a stock ``EncoderDecoder``; with it, of one whose neck is
    :class:`~mmseg_weak.models.mutual_promotion.gate.CAMGate`
    (``mmseg-weak export`` writes both).

    Args:
        *args: As for :class:`mmseg.models.EncoderDecoder`; class 0 is background.
        cam_head (dict): Config of a ``CAMHead``; its ``pooling`` defaults to
            ``max_features``, as published.
        affinity_head (dict, optional): Config of an ``AttentionAffinityHead``. It is off,
            with a warning, if the backbone does not expose its attention. Defaults to None.
        affinity_loss (dict, optional): Options of
            :class:`~mmseg_weak.models.losses.PixelAffinityLoss`.
        gate (bool): Let the CAMs gate the features of the segmentation branch. Defaults to
            True.
        schedule (dict, optional): See ``MutualPromotionSchedule``.
        labels (dict, optional): See ``LabelOptions``.
        supervision (dict, optional): See ``Supervision``.
        reuse_features (bool, optional): Let the multi-scale pass take the features of the
            images themselves from the training forward. Defaults to None: where batch norm
            in the encoder does not make them depend on the batch.
        low_precision (bool): Encode the images of the multi-scale pass, which has no
            gradient, in bfloat16, where the machine has it (AVX-512 BF16, AMX, GPUs).
            Defaults to False.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`. ``test_cfg`` may hold
            ``cam_background_score`` (default 0.45 as AFA's) and ``tag_threshold`` (default
            None): classes with a lower predicted tag probability are not segmented.

    Raises:
        ValueError: The heads do not fit each other, or an option is out of its range.
    """

    training_only = ('affinity_head',)
    own_metrics = ('CAMIoUMetric', 'TagMetric')
    extra_predictions = dict(CAM='pred_cam_sem_seg')

    def __init__(
        self,
        *args,
        cam_head: dict,
        affinity_head: dict | None = None,
        affinity_loss: dict | None = None,
        gate: bool = True,
        schedule: dict | None = None,
        labels: dict | None = None,
        supervision: dict | None = None,
        reuse_features: bool | None = None,
        low_precision: bool = False,
        **kwargs,
    ) -> None:
        refuse_cascade('MutualPromotionSegmentor', kwargs)
        super().__init__(*args, **kwargs)
        refuse_backbone('MutualPromotionSegmentor', self.backbone, maps_only=True)
        self.cam_head = MODELS.build({'pooling': POOLING, **cam_head})
        self.gate = gate
        self.schedule = MutualPromotionSchedule(**(schedule or {}))
        self.label_options = LabelOptions(**(labels or {}))
        self.supervision = Supervision(**(supervision or {}))
        self.reuse_features = reuse_features
        self.low_precision = low_precision
        self.affinity_head = None
        if affinity_head is not None and self.supervision.affinity > 0:
            if hasattr(self.backbone, 'forward_with_attention'):
                self.affinity_head = MODELS.build(affinity_head)
            else:
                name = type(self.backbone).__name__
                print_log(f'{name} exposes no attention: no affinity branch', 'current', 30)
        self.affinity_loss = PixelAffinityLoss(**(affinity_loss or {}))
        fuse_frozen_norms(self.backbone)
        self.watch_labels(False)
        self._check_heads()
        options = self.test_cfg = self.test_cfg or ConfigDict()
        for name in ('tag_threshold', 'cam_background_score'):
            value = options.get(name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f'{name} must be in [0, 1], got {value}')

    def _check_heads(self) -> None:
        if not isinstance(self.cam_head, CAMHead):
            raise ValueError(
                'MutualPromotionSegmentor: cam_head must be a CAMHead, got '
                f'{type(self.cam_head).__name__}'
            )
        if self.with_auxiliary_head:
            raise ValueError(
                'MutualPromotionSegmentor learns from tags; an auxiliary_head needs masks'
            )
        if self.cam_head.num_classes != self.decode_head.out_channels:
            raise ValueError(
                f'MutualPromotionSegmentor: cam_head has {self.cam_head.num_classes} '
                f'classes, decode_head {self.decode_head.out_channels} outputs'
            )
        if self.cam_head.background != 0:
            raise ValueError('MutualPromotionSegmentor: background must be class 0')

    def watch_labels(self, watch: bool) -> None:
        """Keep the labels of the next iterations in ``watched`` for pictures, or stop."""
        self.watched: dict[str, Tensor] | None = {} if watch else None

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """One iteration.

        Args:
            inputs (Tensor): Images, shape (N, 3, H, W).
            data_samples (list[SegDataSample]): With the metainfo ``image_classes``.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_c2s``, ``loss_s2c``, with an affinity
            head ``loss_aff``, and what is logged, in percent.

        Raises:
            ValueError: A sample lacks its tags.
        """
        iteration = current_iteration()
        tags = stack_tags(data_samples, self.cam_head.num_foreground)
        active = self.schedule.trains_segmentation(iteration)
        features, attention = self.encode(inputs, with_attention=active)
        cam_logits = self.cam_head(features)
        tag_logits = self.cam_head.classify(features, cam_logits)
        losses = self._tag_losses(tag_logits, tags.to(inputs.device, non_blocking=True))
        terms = {}
        if active:
            boxes = valid_boxes([s.metainfo for s in data_samples], inputs.shape[2:])
            branches = (features, cam_logits, attention)
            terms = self._mutual_losses(inputs, tags, boxes, iteration, *branches)
        return dict(losses, **self._complete(terms, features))

    def encode(
        self, inputs: Tensor, with_attention: bool = False
    ) -> tuple[Sequence[Tensor], list | None]:
        """Features, and queries and keys if wanted and there is an affinity head."""
        if not with_attention or self.affinity_head is None:
            return self.extract_feat(inputs), None
        features, attention = self.backbone.forward_with_attention(inputs)
        return self.neck(features) if self.with_neck else features, attention

    def gated(self, features: Sequence[Tensor], cam_logits: Tensor) -> Sequence[Tensor]:
        """What the segmentation branch sees."""
        if not self.gate:
            return features
        return gate_features(features, cam_gate(cam_logits))

    def _tag_losses(self, logits: Tensor, tags: Tensor) -> dict[str, Tensor]:
        """Classification."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        loss = self.supervision.cls * self.cam_head.loss_decode(logits, tags)
        return dict(loss_cls=loss, tag_f1=tag_f1(logits, tags))

    def _mutual_losses(
        self,
        inputs: Tensor,
        tags: Tensor,
        boxes: Tensor,
        iteration: int,
        features: Sequence[Tensor],
        cam_logits: Tensor,
        attention: list | None,
    ) -> dict[str, Tensor]:
        """Both directions of supervision and the affinities."""
        terms, supervision, size = {}, self.supervision, tuple(inputs.shape[2:])
        if not supervision.uses_segmentation and self.affinity_head is None:
            return terms
        par, propagated = self.cam_labels(inputs, features, tags, boxes, iteration)
        if supervision.uses_segmentation:
            logits = self.decode_head(self.gated(features, cam_logits))
            seg_logits = enlarge(main_logits(self.decode_head, logits), size)
            cam_labels = par if propagated is None else propagated
            seg_labels = supervision.seg_labels(seg_logits, boxes)
            if supervision.c2s > 0:
                terms['loss_c2s'] = supervision.c2s_term(seg_logits, cam_labels)
            if supervision.s2c > 0:
                cams = enlarge(cam_logits, size)
                terms['loss_s2c'] = supervision.s2c_term(cams, seg_labels)
            area = int(((boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])).sum())
            terms.update(label_statistics(cam_labels, seg_labels, area))
            self._watch(cam_logits, seg_logits, tags, Y_c=cam_labels, Y_s=seg_labels)
        if self.affinity_head is not None:
            grid = tuple(features[self.cam_head.in_index].shape[2:])
            affinity = self.affinity_head(attention)
            loss = self.affinity_loss(affinity, par, grid)
            terms['loss_aff'] = supervision.affinity * loss
        return terms

    def _complete(
        self, terms: dict[str, Tensor], features: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Add the losses that were left out, each 0 with zero gradients."""
        zero = features[0].new_zeros(())
        absent = {}
        if 'loss_c2s' not in terms:
            parts = [*features, *self.decode_head.parameters()]
            absent['loss_c2s'] = zero_with_gradients(parts)
        if self.affinity_head is not None and 'loss_aff' not in terms:
            absent['loss_aff'] = zero_with_gradients(self.affinity_head.parameters())
        logged = ('loss_s2c', 'cam_label_share', 'seg_label_share', 'label_agreement')
        return {**dict.fromkeys(logged, zero), **absent, **terms}

    @torch.no_grad()
    def cam_labels(
        self,
        inputs: Tensor,
        features: Sequence[Tensor] | None,
        tags: Tensor,
        boxes: Tensor,
        iteration: int,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Steps 2 to 5: the multi-scale pass and the labels made of it.

        Args:
            inputs (Tensor): Normalised images, shape (N, 3, H, W).
            features (Sequence[Tensor], optional): Their features, to be used again.
            tags (Tensor): Shape (N, C), on the CPU.
            boxes (Tensor): Valid areas, shape (N, 4), on the CPU.
            iteration (int): Where the schedule is.

        Returns:
            tuple: PAR label and propagated label, (N, H, W) each, None where the iteration
            does not need it.
        """
        propagates = self.schedule.propagates_background(iteration)
        propagates = propagates and self.supervision.uses_segmentation
        classes = PresentClasses.from_tags(tags, inputs.device)
        with self._pass_precision(inputs.device.type):
            cams, background = multi_scale_scores(
                inputs,
                self.extract_feat,
                self.cam_head,
                self._background if propagates else None,
                classes.classes,
                self.label_options.scales,
                features if self._reuses_features() else None,
            )
        with_par = not propagates or self.affinity_head is not None
        images = to_unit_rgb(inputs, self.data_preprocessor)
        return make_cam_labels(
            images, cams, background, classes, boxes, self.label_options, with_par
        )

    def _pass_precision(self, device_type: str) -> AbstractContextManager:
        """Precision of the multi-scale pass; that of the training unless it is low."""
        if not self.low_precision:
            return nullcontext()
        return bfloat16_or_float32(device_type)

    def _background(self, features: Sequence[Tensor], cam_logits: Tensor) -> Tensor:
        return background_logits(self.decode_head, self.gated(features, cam_logits))

    def _reuses_features(self) -> bool:
        """Whether scale 1 of the multi-scale pass need not encode the images again."""
        if self.reuse_features is not None:
            return self.reuse_features
        parts = [self.backbone, self.neck] if self.with_neck else [self.backbone]
        return not any(
            isinstance(module, _BatchNorm) and module.training
            for part in parts
            for module in part.modules()
        )

    def _watch(
        self, cam_logits: Tensor, seg_logits: Tensor, tags: Tensor, **labels: Tensor
    ) -> None:
        """Keep labels, and what both branches predict at their size."""
        if self.watched is None:
            return
        score = self.test_cfg.get('cam_background_score', 0.45)
        maps = enlarge(cam_logits.detach(), seg_logits.shape[2:])
        cams = [
            cam_scores(activation, row.to(maps.device) > 0, score).argmax(dim=0)
            for activation, row in zip(maps, tags)
        ]
        prediction = seg_logits.detach().argmax(dim=1)
        self.watched = dict(CAM=torch.stack(cams), **labels, prediction=prediction)
