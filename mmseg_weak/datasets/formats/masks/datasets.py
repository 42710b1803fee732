"""Masks for other trainings: COCO, Ultralytics, nnU-Net."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
from mmcv import imread
from PIL import Image

from ....constants import IGNORE_INDEX
from ....registry import WRITERS
from ..base import image_file
from .mask_folder import MaskFolder, MaskFormat
from .polygons import one_ring, outlines, runs


@WRITERS.register_module('coco')
class COCORunLengths(MaskFormat):
    """One annotation for each class of an image, its mask as run lengths by columns."""

    title = 'COCO, run lengths'

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write the JSON."""

        def segments(mask: np.ndarray) -> list:
            height, width = mask.shape
            return [dict(counts=runs(mask.ravel(order='F')), size=[height, width])]

        _write_coco(path, masks, segments)


@WRITERS.register_module('coco-polygons')
class COCOPolygons(MaskFormat):
    """One annotation for each connected part, its outline a polygon, holes cut open."""

    title = 'COCO, polygons'

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write the JSON."""

        def segments(mask: np.ndarray) -> list:
            rings = (one_ring(outer, holes) for outer, holes in outlines(mask))
            return [[[v for corner in ring for v in corner]] for ring in rings]

        _write_coco(path, masks, segments)


def _write_coco(path: Path, masks: MaskFolder, segments) -> None:
    """Write COCO's three lists; ``segments`` gives the annotations of one mask."""
    categories = [
        dict(id=i, name=name, supercategory='')
        for i, (_, name) in enumerate(masks.drawn(), start=1)
    ]
    images, annotations = [], []
    for number, (image, mask) in enumerate(masks, start=1):
        height, width = mask.shape
        images.append(dict(id=number, file_name=image, width=width, height=height))
        for category, (i, _) in enumerate(masks.drawn(), start=1):
            for segment in segments(mask == i) if (mask == i).any() else ():
                area, box = _area_and_box(segment, mask == i)
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=number,
                        category_id=category,
                        segmentation=segment,
                        area=area,
                        bbox=box,
                        iscrowd=0,
                    )
                )
    content = dict(images=images, categories=categories, annotations=annotations)
    path.write_text(json.dumps(content), encoding='utf-8')


def _area_and_box(segment: dict | list, mask: np.ndarray) -> tuple[int, list[int]]:
    """Pixels of an annotation and its box as x, y, width, height."""
    if isinstance(segment, dict):
        y, x = np.nonzero(mask)
        box = [int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1]
        return len(x), box
    x, y = np.array(segment[0]).reshape(-1, 2).T
    area = abs(int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) // 2
    return area, [int(x.min()), int(y.min()), int(np.ptp(x)), int(np.ptp(y))]


@WRITERS.register_module('ultralytics')
class UltralyticsSemantic(MaskFormat):
    """``images/train``, ``masks/train`` (255 ignored) and ``data.yaml``."""

    title = 'Ultralytics semantic segmentation'
    folder = True

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Copy the images, write masks and YAML."""
        names = set()
        for image, mask in masks:
            stem = os.path.splitext(image)[0]
            file = image_file(path / 'masks' / 'train', stem, '.png')
            Image.fromarray(mask).save(file)
            copy = image_file(path / 'images' / 'train', image, '')
            shutil.copyfile(masks.images / image, copy)
            names.add(stem)
        # JSON strings are YAML strings, whatever characters a name has.
        lines = ['train: images/train', 'val: images/train', 'masks_dir: masks', 'names:']
        lines += [f'  {i}: {json.dumps(name)}' for i, name in enumerate(masks.classes)]
        (path / 'data.yaml').write_text('\n'.join(lines) + '\n', encoding='utf-8')


@WRITERS.register_module('nnunet')
class NNUNet(MaskFormat):
    """``imagesTr/CASE_0000.png``, ``labelsTr/CASE.png``, ``dataset.json``.

    nnU-Net wants labels without a gap, background first and the ignored label last.
    """

    title = 'nnU-Net dataset'
    folder = True

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write images as RGB PNGs, labels and the description."""
        names = [name for _, name in masks.drawn()]
        order = {i: n for n, (i, _) in enumerate(masks.drawn(), start=1)}
        table = np.zeros(IGNORE_INDEX + 1, dtype=np.uint8)
        table[list(order)] = list(order.values())
        table[IGNORE_INDEX] = len(names) + 1
        cases: dict[str, str] = {}
        for image, mask in masks:
            case = os.path.splitext(image)[0].replace('/', '_')
            if cases.setdefault(case, image) != image:
                raise ValueError(
                    f'{image} and {cases[case]} would both be the case {case!r}; rename one'
                )
            labels = Image.fromarray(table[mask])
            labels.save(image_file(path / 'labelsTr', case, '.png'))
            pixels = imread(str(masks.images / image), channel_order='rgb')
            Image.fromarray(pixels).save(image_file(path / 'imagesTr', case, '_0000.png'))
        labels = {'background': 0, **{name: i for i, name in enumerate(names, start=1)}}
        description = dict(
            channel_names={'0': 'R', '1': 'G', '2': 'B'},
            labels={**labels, 'ignore': len(names) + 1},
            numTraining=len(cases),
            file_ending='.png',
        )
        (path / 'dataset.json').write_text(json.dumps(description, indent=1))
