"""Pack weakly labelled samples for a segmentor."""

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PackSegInputs
from mmseg.registry import TRANSFORMS

from .click_rows import are_attached, detach_clicks, keep_clicks
from .pseudo_labels import KEY

META_KEYS = (
    'img_path',
    'img_id',
    'sample_idx',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'reduce_zero_label',
    'clicks',
    'click_labels',
    'gt_bboxes',
    'gt_bboxes_labels',
    'image_classes',
    'background_index',
    'known_classes',
    'mask_classes',
)


@TRANSFORMS.register_module()
class PackWeakSegInputs(PackSegInputs):
    """``PackSegInputs`` with clicks in the meta information and an optional second view.

    The result has ``inputs`` ((C, H, W) uint8), the student's view: ``img_strong``
    when :class:`PhotometricViews` made one, ``img`` otherwise. ``inputs_teacher``, the
    weak view, exists in the first case only.

    ``data_samples`` carries ``gt_sem_seg``, with :class:`LoadPseudoLabels` also
    ``pseudo_sem_seg`` ((1, H, W) int64, 255 unlabelled), where marks say "not this class"
    ``gt_exclusions`` ((k, 3) int64 row, column, class), and as meta information ``clicks``
    ((n, 2) float32 x and y in the packed image), ``click_labels`` ((n,) int64), both of
    marks that name a class, and
    ``image_classes`` (tuple of the classes of the whole image before cropping: its tags, or
    the labels clicked), ``background_index`` (int or None), ``known_classes``
    (tuple of those that were looked for, or None: all) and ``sample_idx`` (position of
    the image in its data set). Real ``gt_bboxes`` are packed with ``gt_bboxes_labels``,
    where a data set has them.

    Args:
        meta_keys (Sequence[str]): Keys copied into the meta information.
    """

    def __init__(self, meta_keys: tuple[str, ...] = META_KEYS) -> None:
        super().__init__(meta_keys=meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        if are_attached(results):  # no RasterizeClicks has detached them
            if 'click_negatives' in results:
                keep_clicks(results, ~results['click_negatives'])
            detach_clicks(results)
        if 'img_strong' in results:
            weak = super().transform(dict(img=results['img']))['inputs']
            packed = super().transform({**results, 'img': results['img_strong']})
            packed['inputs_teacher'] = weak
        else:
            packed = super().transform(results)
        if KEY in results:
            labels = torch.from_numpy(results[KEY].astype(np.int64))[None]
            packed['data_samples'].pseudo_sem_seg = PixelData(data=labels)
        if 'gt_exclusions' in results:
            exclusions = torch.from_numpy(results['gt_exclusions'])
            packed['data_samples'].gt_exclusions = exclusions
        return packed
