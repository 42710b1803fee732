"""A classifier of image tags that segments by its class activation maps."""

from collections.abc import Sequence
from functools import partial

import torch
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor

from ..cam.activation_maps import activation_maps, merge_maps, scale_inputs
from ..cam.tags import class_labels, stack_sample_indices, stack_tags
from ..declaration import WeakSegmentor
from ..heads.cam_head import CAMHead
from .stock_parts import refuse_backbone, refuse_cascade, require_output


@MODELS.register_module()
class CAMSegmentor(WeakSegmentor, EncoderDecoder):
    """Any mmseg backbone (and neck) with a pooled classifier, trained on image tags.

    ``loss`` reads the metainfo ``image_classes`` and never a mask. ``predict`` turns the
    activation maps into a segmentation: each class that the image holds is normalised to a
    maximum of 1 and competes with a constant background score. The classes are those of
    ``image_classes`` where the sample has them (pseudo-labels of a tagged set), otherwise
    those with a classifier logit above 0. Results are as large as ``ori_shape``.

    ``test_cfg`` may hold ``scales`` (default ``(1.0,)``; published
    ``(1, 0.5, 1.5, 2)``), ``flip`` (default False; published True) and
    ``background_score`` in [0, 1] (default 0.15 as published); a ``mode`` is ignored, since
    the whole image is always used.

    Args:
        *args: As for :class:`mmseg.models.EncoderDecoder`; ``decode_head`` must be a
            :class:`~mmseg_weak.models.heads.CAMHead`.
        sub_category_head (dict, optional): Head whose
            ``loss(pooled_features (N, D), tags (N, C), sample_idx (N,)) -> dict`` adds
            the classification of sub-categories. Defaults to None.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: The decode head is no ``CAMHead``, the sub-category head does not fit
            it, there is an auxiliary head, or an option of ``test_cfg`` is out of its
            range.
    """

    training_only = ('sub_category_head',)
    needs_hooks = dict(
        sub_category_head=('SubCategoryClusteringHook', 'there are no clusters to learn')
    )
    own_metrics = ('TagMetric',)
    scores_are_maps = True
    labeller = 'cam'

    def __init__(self, *args, sub_category_head: dict | None = None, **kwargs) -> None:
        refuse_cascade('CAMSegmentor', kwargs)
        super().__init__(*args, **kwargs)
        if not isinstance(self.decode_head, CAMHead):
            raise ValueError(
                'CAMSegmentor needs a CAMHead as decode_head, got '
                f'{type(self.decode_head).__name__}'
            )
        if self.with_auxiliary_head:
            raise ValueError('CAMSegmentor learns from tags; an auxiliary_head needs masks')
        refuse_backbone('CAMSegmentor', self.backbone)
        require_output('CAMSegmentor', self.backbone, self.decode_head.in_index)
        self.sub_category_head = None
        if sub_category_head is not None:
            self.sub_category_head = MODELS.build(sub_category_head)
            self._check_sub_category_head()
        options = self.test_cfg or {}
        self.scales = tuple(options.get('scales', (1.0,)))
        self.flip = bool(options.get('flip', False))
        self.background_score = float(options.get('background_score', 0.15))
        if not self.scales or not all(0 < scale < float('inf') for scale in self.scales):
            raise ValueError(f'test_cfg.scales must be numbers > 0, got {self.scales}')
        if not 0 <= self.background_score <= 1:
            raise ValueError(
                f'test_cfg.background_score must be in [0, 1], got {self.background_score}'
            )

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Classification of the tags and, if configured, of the sub-categories.

        Args:
            inputs (Tensor): Images, shape (N, 3, H, W).
            data_samples (list[SegDataSample]): With the metainfo ``image_classes``, and
                ``sample_idx`` for a sub-category head.

        Returns:
            dict[str, Tensor]: Loss components.

        Raises:
            ValueError: A sample lacks them.
        """
        head = self.decode_head
        tags = stack_tags(
            data_samples, head.num_foreground, head.background, device=inputs.device
        )
        # One dropout for parent and sub-category classes.
        features = head.drop(self.extract_feat(inputs))
        losses = add_prefix(head.loss_by_tags(features, tags), 'decode')
        if self.sub_category_head is not None:
            sample_idx = stack_sample_indices(data_samples, device=inputs.device)
            loss = self.sub_category_head.loss(head.pool(features), tags, sample_idx)
            losses.update(add_prefix(loss, 'sub'))
        return losses

    def _check_sub_category_head(self) -> None:
        """It classifies the features and classes of the decode head."""
        for name, wanted in (
            ('in_channels', self.decode_head.feature_channels),
            ('num_classes', self.decode_head.num_classes),
        ):
            found = getattr(self.sub_category_head, name, wanted)
            if found != wanted:
                raise ValueError(
                    f'CAMSegmentor: sub_category_head has {name}={found}, the decode head '
                    f'{wanted}'
                )

    def pooled_features(self, inputs: Tensor) -> Tensor:
        """Global average of the feature map that the classifier sees.

        Args:
            inputs (Tensor): Normalised images, shape (N, 3, H, W).

        Returns:
            Tensor: Shape (N, D).
        """
        return self.decode_head.pool(self.extract_feat(inputs))

    @torch.no_grad()
    def cams(
        self,
        inputs: Tensor,
        tags: Tensor | None,
        size: tuple[int, int],
        scales: Sequence[float] | None = None,
        flip: bool | None = None,
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Normalised activation maps of the classes present.

        Args:
            inputs (Tensor): Normalised images of one size, shape (N, 3, h, w).
            tags (Tensor, optional): Which classes are present, (N, C), non-zero if so.
                None takes those with a logit above 0.
            size (tuple[int, int]): Height H and width W of the maps.
            scales (Sequence[float], optional): Defaults to those of ``test_cfg``.
            flip (bool, optional): Defaults to that of ``test_cfg``.

        Returns:
            tuple: For each image its maps (n, H, W) in [0, 1) and their classes (n,), long,
            0 to C - 1; and the tag logits (N, C) of the scale nearest to 1.
        """
        maps, logits = self.activations(inputs, scales, flip)
        present = (logits if tags is None else tags.to(inputs.device)) > 0
        classes = [row.nonzero()[:, 0] for row in present]
        merged = [
            merge_maps([level[i] for level in maps], found, size, self.align_corners)
            for i, found in enumerate(classes)
        ]
        return merged, classes, logits

    @torch.no_grad()
    def activations(
        self,
        inputs: Tensor,
        scales: Sequence[float] | None = None,
        flip: bool | None = None,
    ) -> tuple[list[Tensor], Tensor]:
        """Rectified maps of all classes at the resolution of the features.

        Args:
            inputs (Tensor): Normalised images of one size, shape (N, 3, h, w).
            scales (Sequence[float], optional): Defaults to those of ``test_cfg``.
            flip (bool, optional): Defaults to that of ``test_cfg``.

        Returns:
            tuple: For each scale the maps (N, C, h', w') of image and mirror image added;
            and the tag logits (N, C) of the scale nearest to 1.
        """
        scales = self.scales if scales is None else tuple(scales)
        flip = self.flip if flip is None else flip
        logits = []

        def forward(images: Tensor) -> Tensor:
            features = self.extract_feat(images)
            logits.append(self.decode_head.classify(features)[: len(inputs)])
            return self.decode_head(features)

        rescale = partial(scale_inputs, preprocessor=self.data_preprocessor)
        maps = activation_maps(forward, inputs, scales, flip, rescale)
        nearest = min(range(len(scales)), key=lambda i: abs(scales[i] - 1))
        return maps, logits[nearest]

    def score_maps(self, cams: Tensor, classes: Tensor) -> Tensor:
        """Scores of all classes of the data set from the maps of those present.

        Args:
            cams (Tensor): Shape (n, H, W).
            classes (Tensor): Their foreground classes, long, shape (n,).

        Returns:
            Tensor: Shape (C + 1, H, W): the constant at background, 0 at absent classes
            (and so never above background, unless that is 0).
        """
        head = self.decode_head
        scores = cams.new_zeros(head.num_classes, *cams.shape[1:])
        scores[head.background] = self.background_score
        labels = class_labels(head.num_foreground, head.background).to(classes.device)
        scores[labels[classes]] = cams
        return scores

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Segment images by their activation maps.

        Args:
            inputs (Tensor): Images, shape (N, 3, H, W).
            data_samples (list[SegDataSample], optional): Their metainfo tells padding,
                ``flip``, ``ori_shape`` and perhaps ``image_classes``.

        Returns:
            list[SegDataSample]: With ``seg_logits`` (scores (C + 1, H, W), not logits of a
            softmax), ``pred_sem_seg`` and ``pred_tags`` (tag logits, shape (C,)).
        """
        if data_samples is None:
            shape = tuple(inputs.shape[2:])
            data_samples = [SegDataSample(metainfo=dict(ori_shape=shape)) for _ in inputs]
        for image, sample in zip(inputs, data_samples):
            meta = sample.metainfo
            tags = None
            if meta.get('image_classes') is not None:
                head = self.decode_head
                tags = stack_tags([sample], head.num_foreground, head.background)
            image = _without_padding(image, meta)[None]
            size = tuple(meta.get('ori_shape', image.shape[2:])[:2])
            cams, classes, logits = self.cams(image, tags, size)
            scores = self.score_maps(cams[0], classes[0])
            if meta.get('flip'):
                dim = 2 if meta.get('flip_direction') == 'horizontal' else 1
                scores = scores.flip(dim)
            labels = scores.argmax(dim=0, keepdim=True)
            sample.set_data(
                dict(
                    seg_logits=PixelData(data=scores),
                    pred_sem_seg=PixelData(data=labels),
                    pred_tags=logits[0],
                )
            )
        return data_samples

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Scores of images of one size, as large as they are, with predicted classes.

        Args:
            inputs (Tensor): Shape (N, 3, H, W).
            batch_img_metas (list[dict]): Not used.

        Returns:
            Tensor: Shape (N, C + 1, H, W).
        """
        cams, classes, _ = self.cams(inputs, None, tuple(inputs.shape[2:]))
        return torch.stack([self.score_maps(*pair) for pair in zip(cams, classes)])


def _without_padding(image: Tensor, meta: dict) -> Tensor:
    """Cut off what the preprocessor padded; image (3, H, W)."""
    padding = meta.get('img_padding_size', meta.get('padding_size', [0] * 4))
    left, right, top, bottom = padding
    height, width = image.shape[1:]
    return image[:, top : height - bottom, left : width - right]
