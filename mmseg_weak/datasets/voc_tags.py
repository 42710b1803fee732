"""PASCAL VOC with the classes of its boxes as tags, and with COCO's behind its own."""

import os.path as osp

import numpy as np
from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from mmseg.registry import DATASETS

from .class_splits import BACKGROUND, COCO_60, VOC_CLASSES
from .tag_dataset import MAX_NAMES, ImageTagDataset
from .tag_formats import Tags
from .voc_devkit import box_classes


@DATASETS.register_module()
class PascalVOCTagDataset(ImageTagDataset):
    """PASCAL VOC with tags from its box annotations.

    Without ``tag_file`` and ``click_file`` the tags are the ``<name>`` of all objects in
    ``data_prefix['xml_path']`` (default ``Annotations``), difficult ones included. Neither
    boxes nor masks are used.

    Args:
        data_prefix (dict): ``img_path`` and optionally ``xml_path``, below ``data_root``.
        **kwargs: See :class:`ImageTagDataset`.
    """

    METAINFO = PascalVOCDataset.METAINFO

    def __init__(self, data_prefix: dict | None = None, **kwargs) -> None:
        data_prefix = dict(data_prefix or dict(img_path='JPEGImages'))
        if not kwargs.get('test_mode', False):
            data_prefix.setdefault('xml_path', 'Annotations')
        super().__init__(data_prefix=data_prefix, **kwargs)

    def _check_source(self) -> None:
        if self.tag_files and self.click_files:
            raise ValueError('PascalVOCTagDataset takes one of tag_file and click_file')

    def _read_tags(self, images: list[str]) -> Tags:
        if self.tag_files or self.click_files:
            return super()._read_tags(images)
        folder = self.data_prefix['xml_path']
        if not osp.isdir(folder):
            raise FileNotFoundError(
                f'annotation folder not found: {folder} (data_prefix.xml_path); the tags '
                'of VOC are in its XML files, or give tag_file or click_file'
            )
        paths = {image: osp.join(folder, f'{image}.xml') for image in images}
        absent = [path for path in paths.values() if not osp.isfile(path)]
        if absent:
            raise FileNotFoundError(
                f'{len(absent)} of {len(paths)} annotations not found, such as '
                f'{", ".join(absent[:MAX_NAMES])}'
            )
        self._stated = set(paths)  # an XML without objects says that there are none
        return {image: self._read_boxes(path) for image, path in paths.items()}

    def _read_boxes(self, path: str) -> set[int]:
        resolve = self._known(self._resolver())
        try:
            names = box_classes(path)
            for name in names:
                if name.strip().isdigit():
                    raise ValueError(f'<name> {name} is a number; VOC names classes there')
            return {resolve(name) for name in names}
        except ValueError as error:
            if str(error).startswith(path):
                raise
            raise ValueError(f'{path}: {error}') from None


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
