"""Masks with VOC's classes and the 60 of COCO behind them."""

import numpy as np
from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from mmseg.registry import DATASETS

from .class_splits import BACKGROUND, COCO_60, VOC_CLASSES

CLASSES = (BACKGROUND, *VOC_CLASSES, *COCO_60)
_COCO_COLOURS = np.random.default_rng(60).integers(40, 256, (len(COCO_60), 3)).tolist()
PALETTE = [*map(list, PascalVOCDataset.METAINFO['palette']), *_COCO_COLOURS]


@DATASETS.register_module()
class PascalVOCCoco60Dataset(BaseSegDataset):
    """81 classes: ids 0 to 20 as in PASCAL VOC, 21 to 80 the COCO classes VOC lacks.

    For VOC's masks as they are, and for those of
    ``tools/dataset_converters/coco_strong_masks.py``.

    Args:
        **kwargs: As for ``BaseSegDataset``.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)
