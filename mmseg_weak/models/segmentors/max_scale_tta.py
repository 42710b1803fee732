"""Test-time augmentation as AFA and BMP publish it."""

from collections import defaultdict

import mmcv
import torch
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from ...refinement import dense_crf

PUBLISHED_CRF = dict(
    gaussian_sxy=3,
    gaussian_compat=3,
    bilateral_sxy=64,
    bilateral_srgb=5,
    bilateral_compat=4,
    num_iters=10,
)


@MODELS.register_module()
class MaxScaleTTAModel(SegTTAModel):
    """Mean of logits over an image and its mirror image, maximum over scales.

    mmseg's ``SegTTAModel`` averages probabilities over all. Predictions of a
    :class:`~mmseg_weak.models.segmentors.MutualPromotionSegmentor` also get their CAMs
    merged: the larger of both flips, rectified, summed over scales.

    Args:
        crf (dict | bool, optional): Options of :func:`mmseg_weak.refinement.dense_crf` on
            the softmax of the merged logits; True takes the published ones (10 iterations,
            xy 64, rgb 5, weight 4; xy 3, weight 3). Defaults to None, no CRF.
        **kwargs: As for :class:`mmseg.models.SegTTAModel`.
    """

    def __init__(self, crf: dict | bool | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.crf = PUBLISHED_CRF if crf is True else (crf or None)

    def merge_preds(self, data_samples_list: list[SampleList]) -> SampleList:
        """Merge the predictions of each image.

        Args:
            data_samples_list (list[list[SegDataSample]]): For each image its views, in the
                original size and orientation.

        Returns:
            list[SegDataSample]: The first view's samples with merged predictions.
        """
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: SampleList) -> SegDataSample:
        groups = defaultdict(list)
        for view in views:
            groups[tuple(view.metainfo['img_shape'][:2])].append(view)
        scales = list(groups.values())
        means = [
            torch.stack([v.seg_logits.data for v in group]).mean(0) for group in scales
        ]
        logits = torch.stack(means).amax(0)
        sample = views[0]
        scores = logits if self.crf is None else self._refined(logits, sample)
        labels = scores.argmax(dim=0, keepdim=True)
        sample.set_data(
            dict(seg_logits=PixelData(data=logits), pred_sem_seg=PixelData(data=labels))
        )
        if 'cam_logits' in sample:
            self._merge_cams(sample, scales)
        return sample

    def _merge_cams(self, sample: SegDataSample, scales: list[SampleList]) -> None:
        activation = sum(
            torch.stack([v.cam_logits.data for v in group]).amax(0).relu()
            for group in scales
        )
        tag_logits = torch.stack([v.pred_tags for v in scales[0]]).mean(0)
        self.module.attach_cam_prediction(sample, activation, tag_logits)

    def _refined(self, logits: Tensor, sample: SegDataSample) -> Tensor:
        image = mmcv.imread(sample.img_path, channel_order='rgb')
        probs = logits.detach().float().softmax(dim=0).cpu().numpy()
        return torch.from_numpy(dense_crf(image, probs, **self.crf))
