"""Testing with both branches of a segmentor with a CAM head; each as a model of its own."""

import copy
from collections import OrderedDict
from collections.abc import Mapping

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from ..cam.tags import stack_tags
from ..declaration import WeakSegmentor, without_parts
from ..heads.click_loss import main_logits
from .multi_scale import enlarge, min_max_normalise


class BranchPredictionMixin:
    """``predict`` and ``_forward`` of a segmentor with ``cam_head`` and ``gated``."""

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Segment with the segmentation branch, and with the CAMs beside it.

        CAMs take the classes of the metainfo ``image_classes`` where a sample has them
        (tagged training images), otherwise those with a tag logit above 0. With
        ``test_cfg.tag_threshold`` the segmentation branch leaves out classes whose
        predicted tag is below it.

        Args:
            inputs (Tensor): Images, shape (N, 3, H, W).
            data_samples (list[SegDataSample], optional): Their metainfo tells padding,
                ``flip``, ``ori_shape`` and perhaps ``image_classes``.

        Returns:
            list[SegDataSample]: mmseg's ``seg_logits`` and ``pred_sem_seg``, and
            ``cam_logits`` (C, H, W), ``pred_cam_sem_seg`` (1, H, W), ``pred_tags`` (C,).
        """
        if data_samples is None:
            shape = tuple(inputs.shape[2:])
            meta = dict(ori_shape=shape, img_shape=shape, pad_shape=shape)
            data_samples = [SegDataSample(metainfo=dict(meta)) for _ in inputs]
        metas = [sample.metainfo for sample in data_samples]
        features = self.extract_feat(inputs)
        cam_logits = self.cam_head(features)
        if self.test_cfg.get('mode', 'whole') == 'whole':
            gated = self.gated(features, cam_logits)
            seg_logits = self.decode_head.predict(gated, metas, self.test_cfg)
        else:
            seg_logits = self.inference(inputs, metas)
        cams = self._in_original_size(enlarge(cam_logits, inputs.shape[2:]), data_samples)
        tag_logits = self.cam_head.classify(features, cam_logits)
        threshold = self.test_cfg.get('tag_threshold')
        if threshold is not None:
            seg_logits = without_absent_classes(seg_logits, tag_logits, threshold)
        data_samples = self.postprocess_result(seg_logits, data_samples)
        for sample, activation, logits in zip(data_samples, cams, tag_logits):
            self.attach_cam_prediction(sample, activation, logits)
        return data_samples

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the segmentation branch, shape (N, C + 1, H, W); as in mmseg."""
        features = self.extract_feat(inputs)
        gated = self.gated(features, self.cam_head(features) if self.gate else None)
        return self.decode_head.predict(gated, batch_img_metas, self.test_cfg)

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Tensor:
        """Logits of the segmentation branch on the grid of its head."""
        features = self.extract_feat(inputs)
        gated = self.gated(features, self.cam_head(features) if self.gate else None)
        return main_logits(self.decode_head, self.decode_head(gated))

    def attach_cam_prediction(
        self, sample: SegDataSample, activation: Tensor, tag_logits: Tensor
    ) -> None:
        """Add the segmentation by CAMs to a sample.

        Args:
            sample (SegDataSample): The sample.
            activation (Tensor): CAM logits in the original size, shape (C, H, W).
            tag_logits (Tensor): Shape (C,).
        """
        present = tag_logits > 0
        if sample.metainfo.get('image_classes') is not None:
            tags = stack_tags([sample], self.cam_head.num_foreground)
            present = tags[0].to(tag_logits.device) > 0
        background = self.test_cfg.get('cam_background_score', 0.45)
        labels = cam_scores(activation, present, background).argmax(dim=0, keepdim=True)
        sample.set_data(
            dict(
                cam_logits=PixelData(data=activation),
                pred_cam_sem_seg=PixelData(data=labels),
                pred_tags=tag_logits,
            )
        )

    def _in_original_size(self, maps: Tensor, samples: SampleList) -> list[Tensor]:
        """Cut padding, mirror back and resize as mmseg does with logits."""
        # One channel more: mmseg takes a single channel for a binary segmentation.
        maps = torch.cat([maps.new_zeros(len(maps), 1, *maps.shape[2:]), maps], dim=1)
        copies = [SegDataSample(metainfo=sample.metainfo) for sample in samples]
        done = self.postprocess_result(maps, copies)
        return [sample.seg_logits.data[1:] for sample in done]


def without_absent_classes(
    seg_logits: Tensor, tag_logits: Tensor, threshold: float
) -> Tensor:
    """Segmentation logits of the classes that an image's predicted tags allow.

    Background and the likeliest class of an image always stay. Ours.

    Args:
        seg_logits (Tensor): Shape (N, C + 1, H, W), background first.
        tag_logits (Tensor): Shape (N, C).
        threshold (float): Smallest tag probability of a class that stays, in [0, 1].

    Returns:
        Tensor: The logits, -10,000 (which half precision still holds) for other classes.
    """
    absent = tag_logits.sigmoid() < threshold
    absent &= tag_logits < tag_logits.amax(dim=1, keepdim=True)
    absent = torch.cat([torch.zeros_like(absent[:, :1]), absent], dim=1)
    return seg_logits.masked_fill(absent[:, :, None, None], -1e4)


def cam_scores(activation: Tensor, present: Tensor, background_score: float) -> Tensor:
    """Scores of background and of the classes that are present.

    Args:
        activation (Tensor): CAM logits or sums of rectified ones, shape (C, H, W).
        present (Tensor): Bool, shape (C,).
        background_score (float): Constant score of background, in [0, 1].

    Returns:
        Tensor: Shape (C + 1, H, W): normalised CAMs, 0 for absent classes.
    """
    cams = min_max_normalise(activation.float().relu()[None])[0]
    cams = cams * present[:, None, None]
    background = torch.full_like(cams[:1], background_score)
    return torch.cat([background, cams])


# How the classification branch pools where its config does not say so.
POOLING = 'max_features'
CLASSIFIER = 'cam_head.classifier.weight'


class BranchExportMixin(WeakSegmentor):
    """``as_stock`` of a segmentor with ``cam_head`` and perhaps a gate."""

    stock_type = 'EncoderDecoder'
    branches = ('segmentation', 'cam')

    @classmethod
    def as_stock(
        cls, model: Mapping, state: Mapping[str, Tensor], branch: str = 'segmentation'
    ) -> tuple[dict, OrderedDict]:
        """The segmentation branch as mmseg's model, or the CAMs as a ``CAMSegmentor``.

        With a gate, the neck of the first is
        :class:`~mmseg_weak.models.mutual_promotion.gate.CAMGate`, of this package; without
        it every part is mmseg's own, so far as backbone and decode head are.

        Raises:
            ValueError: The model has a gate and a neck, or the weights no classifier.
        """
        stock, kept = super().as_stock(model, state)
        if branch == 'cam':
            head = {'pooling': POOLING, **copy.deepcopy(model['cam_head'])}
            stock.update(type='CAMSegmentor', decode_head=head, test_cfg=dict())
            kept = without_parts(kept, ('decode_head',))
            names = {k: k.replace('cam_head.', 'decode_head.', 1) for k in kept}
            return stock, OrderedDict((names[k], v) for k, v in kept.items())
        kept = without_parts(kept, ('cam_head',))
        if model.get('gate', True):
            stock['neck'] = _gate(model)
            if CLASSIFIER not in state:
                raise ValueError(
                    f'the checkpoint has no {CLASSIFIER}, which the gate needs'
                )
            kept['neck.classifier.weight'] = state[CLASSIFIER]
        return stock, kept


def _gate(model: Mapping) -> dict:
    """Config of the gate as a neck."""
    if model.get('neck') is not None:
        raise ValueError('a gate behind a neck cannot be exported; train with gate=False')
    head = model['cam_head']
    channels, index = head['in_channels'], head.get('in_index', -1)
    return dict(
        type='CAMGate',
        in_channels=channels if isinstance(channels, int) else channels[index],
        num_foreground=head['num_classes'] - 1,
        in_index=index,
    )
