"""Boxes of objects as prompts, where a data set has them: COCO's JSON or VOC's XML."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .._messages import reason_of, shortened
from .coco_tags import load_coco
from .formats.collector import finite, from_text
from .image_files import image_id

# In pixels; no image reaches it.
FURTHEST = 2**31
EDGES = ('xmin', 'ymin', 'xmax', 'ymax')


def read_boxes(
    path: str,
    images: Sequence[str],
    resolve: Callable[[object], int],
    suffix: str | Sequence[str],
    table: np.ndarray,
) -> dict[str, dict[str, np.ndarray]]:
    """Boxes of images, crowds left out.

    Args:
        path (str): ``instances_*.json`` of COCO, or a folder of ``{img_id}.xml`` of VOC.
        images (Sequence[str]): Ids; boxes of other images are not read.
        resolve (Callable): Class name to id, a
            :class:`~mmseg_weak.datasets.class_resolver.ClassResolver`.
        suffix (str | Sequence[str]): Of image files.
        table (np.ndarray): Id to the class that is trained, 255 for none, shape (256,).

    Returns:
        dict: Image id to ``gt_bboxes``, (b, 4) float32 x0, y0, x1, y1, and
        ``gt_bboxes_labels``, (b,) int64; images without boxes are left out.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It is malformed, or a box has an unknown class or no numbers.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f'box_file {path} does not exist')
    wanted, found = set(images), {}
    read = _of_voc(Path(path), images) if Path(path).is_dir() else _of_coco(path, suffix)
    for image, name, box in read:
        if image not in wanted:
            continue
        try:
            label = table[resolve(name)]
            edges = [finite(edge, 'an edge') for edge in box]
            if max(map(abs, edges)) > FURTHEST:
                raise ValueError(f'an edge at {max(edges, key=abs):g} pixels')
        except (TypeError, ValueError) as error:
            place = f'a box of image {shortened(image)!r}'
            raise ValueError(f'{path}: {place}: {reason_of(error)}') from None
        if label != 255:
            found.setdefault(image, []).append((*edges, label))
    arrays = {image: np.array(rows) for image, rows in found.items()}
    return {
        image: dict(
            gt_bboxes=rows[:, :4].astype(np.float32),
            gt_bboxes_labels=rows[:, 4].astype(np.int64),
        )
        for image, rows in arrays.items()
    }


def _of_coco(path: str, suffix: str | Sequence[str]) -> Iterator[tuple]:
    coco = load_coco(path)
    for number, annotation in coco.anns.items():
        try:
            image = coco.imgs[annotation['image_id']]['file_name']
            name = coco.cats[annotation['category_id']]['name']
            if not isinstance(image, str):
                raise TypeError(f'file_name {image!r}')
            x, y, width, height = (finite(n, 'a number') for n in annotation['bbox'])
            box = (x, y, x + width, y + height)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{path}: annotation {number} has no image, category or bbox '
                f'({reason_of(error)})'
            ) from None
        if not annotation.get('iscrowd'):
            yield image_id(image, suffix), name, box


def _of_voc(folder: Path, images: Sequence[str]) -> Iterator[tuple]:
    for image in images:
        path = folder / f'{image}.xml'
        if not path.is_file():
            continue
        try:
            objects = list(ElementTree.parse(path).getroot().iter('object'))
        except (ElementTree.ParseError, LookupError, ValueError) as error:
            raise ValueError(f'{path}: not valid XML ({reason_of(error)})') from None
        for entry in objects:
            name = (entry.findtext('name') or '').strip()
            # VOC counts pixels from 1, and its last pixel belongs to the box.
            edges = [entry.findtext(f'bndbox/{edge}') for edge in EDGES]
            try:
                x0, y0, x1, y1 = (from_text(edge or '', 'an edge') for edge in edges)
            except ValueError as error:
                place = f'a box of {shortened(name)!r}'
                raise ValueError(f'{path}: {place}: {reason_of(error)}') from None
            yield image, name, (x0 - 1, y0 - 1, x1, y1)
