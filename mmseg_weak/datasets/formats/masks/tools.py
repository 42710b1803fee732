"""Masks for annotation tools: CVAT, Label Studio, LabelMe, QuPath."""

import json
from pathlib import Path
from xml.etree.ElementTree import ElementTree, SubElement

import numpy as np

from ....registry import WRITERS
from ..base import image_file
from ..brush import encode_brush
from ..cvat import cvat_root
from ..label_studio import label_studio_result
from ..labelme import labelme_file, labelme_shape
from ..qupath import qupath_feature
from .mask_folder import MaskFolder, MaskFormat
from .polygons import one_ring, outlines, runs


@WRITERS.register_module('cvat')
class CVATMasks(MaskFormat):
    """CVAT for images 1.1, one ``mask`` for each class of an image.

    Its run lengths count row by row within the box of the mask, outside first.
    """

    title = 'CVAT for images 1.1 with masks'
    suffix = '.xml'

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write the XML."""
        root = cvat_root(name for _, name in masks.drawn())
        for number, (image, mask) in enumerate(masks):
            height, width = map(str, mask.shape)
            place = dict(id=str(number), name=image, width=width, height=height)
            element = SubElement(root, 'image', place)
            for i, name in masks.drawn():
                if (mask == i).any():
                    SubElement(element, 'mask', cvat_mask(mask == i, name))
        ElementTree(root).write(path, encoding='utf-8', xml_declaration=True)


def cvat_mask(mask: np.ndarray, label: str) -> dict[str, str]:
    """Attributes of a ``mask`` that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    numbers = dict(left=left, top=top, width=window.shape[1], height=window.shape[0])
    return dict(
        label=label,
        source='auto',
        occluded='0',
        rle=', '.join(map(str, runs(window.ravel()))),
        **{name: str(number) for name, number in numbers.items()},
        z_order='0',
    )


@WRITERS.register_module('labelstudio')
class LabelStudioBrush(MaskFormat):
    """Tasks with predictions (pre-annotations): a brush for each class of an image."""

    title = 'Label Studio brushes as predictions'

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write the JSON of tasks."""
        tasks = []
        for image, mask in masks:
            height, width = mask.shape
            results = [
                label_studio_result(
                    f'{len(tasks) + 1}-{i}',
                    'brushlabels',
                    dict(format='rle', rle=encode_brush(mask == i), brushlabels=[name]),
                    width,
                    height,
                )
                for i, name in masks.drawn()
                if (mask == i).any()
            ]
            data = dict(image=f'/data/local-files/?d={image}')
            tasks.append(dict(data=data, predictions=[dict(result=results)]))
        path.write_text(json.dumps(tasks), encoding='utf-8')


@WRITERS.register_module('labelme')
class LabelMePolygons(MaskFormat):
    """One JSON an image, polygons along the edges of pixels, holes cut open."""

    title = 'LabelMe polygons'
    folder = True

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write the JSON of every image."""
        for image, mask in masks:
            shapes = [
                labelme_shape(name, 'polygon', one_ring(outer, holes))
                for i, name in masks.drawn()
                for outer, holes in outlines(mask == i)
            ]
            content = labelme_file(image, mask.shape[::-1], shapes, {})
            file = image_file(path, str(Path(image).with_suffix('')), '.json')
            file.write_text(json.dumps(content), encoding='utf-8')


@WRITERS.register_module('qupath')
class QuPathPolygons(MaskFormat):
    """One GeoJSON an image, a polygon with its holes for each part of a class."""

    title = 'QuPath GeoJSON polygons'
    folder = True

    @staticmethod
    def write(path: Path, masks: MaskFolder) -> None:
        """Write the GeoJSON of every image."""
        for image, mask in masks:
            features = [
                qupath_feature(
                    'Polygon', [[*ring, ring[0]] for ring in (outer, *holes)], name
                )
                for i, name in masks.drawn()
                for outer, holes in outlines(mask == i)
            ]
            content = dict(type='FeatureCollection', features=features)
            file = image_file(path, image, '.geojson')
            file.write_text(json.dumps(content), encoding='utf-8')
