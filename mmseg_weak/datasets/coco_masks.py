"""Masks of COCO classes that another data set lacks, as plain PNGs.

A class map between data sets: COCO-60 (the classes VOC does not have) for training with
VOC's twenty as the weak ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from rich.progress import track

from .._files import replace_file, write_json
from .._messages import reason_of, shortened
from ..constants import IGNORE_INDEX
from .class_splits import COCO_60
from .image_checks import LARGEST
from .image_files import printable
from .json_objects import parse_json
from .mask_files import write_mask

# Outlines beyond are damage, and pycocotools would fill memory with them.
LARGEST_COORDINATE = 1_000_000


def write_coco_masks(
    annotation_file: str,
    out: str,
    classes: Sequence[str] = COCO_60,
    first_id: int = 21,
    name: str = 'train',
) -> dict:
    """Write masks, tags and a list of the COCO images that show only wanted classes.

    An image with an object of any other class is left out, crowds included, so every mask
    is one of a strong image. Pixels of crowd regions are 255. Where objects overlap the
    smaller one wins.

    Args:
        annotation_file (str): COCO's ``instances_*.json``.
        out (str): Folder for ``masks/{file name}.png``, ``{name}.txt`` and
            ``tags.json``.
        classes (Sequence[str]): COCO's names of the classes. Defaults to the 60 that VOC
            does not have.
        first_id (int): Id of the first class in the masks; background is 0. Defaults to
            21, behind VOC's twenty.
        name (str): Name of the list.

    Returns:
        dict: ``images`` written, ``images_with_other_classes`` and
        ``images_with_empty_outlines`` (an object has no polygon of three points) left out.

    Raises:
        FileNotFoundError: The annotation file is absent.
        ValueError: It is no COCO file, lacks a class, or no image is left; ids do not fit;
            an outline cannot be drawn; two images differ in their suffix only.
        ImportError: pycocotools is not installed.
    """
    if not classes or not 1 <= first_id <= IGNORE_INDEX - len(classes):
        raise ValueError(
            f'{len(classes)} classes from id {first_id} do not fit into ids 1 to 254'
        )
    coco = _open_coco(annotation_file)
    label = _class_ids(annotation_file, coco, classes, first_id)
    names = {category: classes[i - first_id] for category, i in label.items()}
    palette = np.random.default_rng(0).integers(0, 256, (first_id + len(classes), 3))
    palette[0] = 0
    folder, tags, others, empty = Path(out), {}, 0, 0
    for image in track(coco.dataset['images'], 'masks of COCO'):
        objects = coco.imgToAnns.get(image['id'], [])
        found = {entry['category_id'] for entry in objects}
        if not found <= set(label):
            others += 1
            continue
        if not found:
            continue
        if not all(map(_has_outline, objects)):
            empty += 1
            continue
        stem, mask = _named_mask(annotation_file, coco, image, objects, label)
        if stem in tags:
            raise ValueError(
                f'{annotation_file}: two images are called {stem}, and masks have one '
                'suffix; rename one'
            )
        with replace_file(folder / 'masks' / f'{stem}.png') as temporary:
            write_mask(temporary, mask, palette.astype(np.uint8))
        tags[stem] = sorted(names[i] for i in found)
    if not tags:
        raise ValueError(f'{annotation_file}: no image shows only {", ".join(classes)}')
    with replace_file(folder / f'{name}.txt') as temporary:
        temporary.write_text('\n'.join(tags) + '\n')
    write_json(folder / 'tags.json', tags)
    return dict(
        images=len(tags),
        images_with_other_classes=others,
        images_with_empty_outlines=empty,
    )


def _named_mask(
    annotation_file: str, coco, image: dict, objects: Sequence[dict], label: dict[int, int]
) -> tuple[str, np.ndarray]:
    """Name without suffix and mask of an image; errors say which one it is."""
    try:
        size = image['height'], image['width']
        return _stem(image['file_name']), _draw(coco, objects, label, size)
    except KeyError as error:
        raise ValueError(
            f'{annotation_file}: image {image["id"]} or an annotation of it has no {error}'
        ) from None
    except Exception as error:  # pycocotools raises anything for a broken outline
        reason = reason_of(error)
        raise ValueError(
            f'{annotation_file}: an outline of image {shortened(image["id"], 40)} '
            f'cannot be drawn ({type(error).__name__}: {reason})'
        ) from None


def _stem(name: str) -> str:
    """Name of the mask of an image, below the folder of masks."""
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or not printable(name):
        raise ValueError(f'file_name {name!r} is none of a file below a folder')
    return str(path.with_suffix(''))


def _has_outline(entry: Mapping) -> bool:
    """Whether an object is drawn at all; exported polygons may be empty."""
    outline = entry.get('segmentation', '')
    return not isinstance(outline, list) or any(
        not isinstance(polygon, list) or len(polygon) >= 6 for polygon in outline
    )


def _class_ids(path: str, coco, classes: Sequence[str], first_id: int) -> dict[int, int]:
    """COCO's category ids to ids in the masks."""
    ids = {str(c['name']): c['id'] for c in coco.dataset['categories']}
    absent = [c for c in classes if c not in ids]
    if absent:
        raise ValueError(
            f'{path} has no class {", ".join(absent)}; it has {shortened(", ".join(ids))}'
        )
    return {ids[c]: first_id + i for i, c in enumerate(classes)}


def _open_coco(path: str):
    """pycocotools' index of a file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'annotation file not found: {path}')
    try:
        from pycocotools.coco import COCO
    except ImportError:
        raise ImportError(
            'reading COCO needs pycocotools: pip install pycocotools'
        ) from None
    try:
        content = parse_json(path, Path(path).read_text(encoding='utf-8-sig'))
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: not valid JSON ({error})') from None
    needed = ('images', 'annotations', 'categories')
    if not isinstance(content, dict) or any(key not in content for key in needed):
        raise ValueError(f'{path} is no COCO instance file: it needs {", ".join(needed)}')
    coco = COCO()
    coco.dataset = content
    try:
        coco.createIndex()
        for category in content['categories']:
            category['name']
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f'{path}: an image, an annotation or a category has no {error}'
        ) from None
    return coco


def _polygons(entry: Mapping) -> object:
    """The outline without polygons of fewer than three points."""
    outline = entry['segmentation']
    if not isinstance(outline, list):
        return outline
    return [polygon for polygon in outline if len(polygon) >= 6]


def check_outline(outline: object, size: tuple[int, int]) -> None:
    """Refuse what pycocotools would crash on or draw as something else.

    Args:
        outline: ``segmentation`` of an annotation: polygons or run lengths.
        size (tuple[int, int]): Height and width of the image.

    Raises:
        ValueError: Polygons are no lists of finite numbers in pairs, or run lengths are not
            of this size.
    """
    if isinstance(outline, list):
        for polygon in outline:
            if not isinstance(polygon, list) or len(polygon) % 2:
                raise ValueError(f'a polygon is no list of pairs: {str(polygon)[:60]}')
            numbers = [n for n in polygon if isinstance(n, (int, float))]
            if len(numbers) < len(polygon) or not np.isfinite(numbers).all():
                raise ValueError(f'a polygon holds no numbers: {str(polygon)[:60]}')
            if numbers and max(map(abs, numbers)) > LARGEST_COORDINATE:
                raise ValueError('a polygon has a coordinate of more than 10^6 pixels')
        return
    if not isinstance(outline, dict):
        raise ValueError(f'neither polygons nor run lengths: {str(outline)[:60]}')
    given, counts = outline['size'], outline['counts']
    if not isinstance(given, list) or tuple(given) != tuple(size):
        raise ValueError(
            f'a run-length mask is of {str(given)[:40]}, not of {size[0]}x{size[1]} pixels'
        )
    total = size[0] * size[1]
    if isinstance(counts, list):
        whole = all(isinstance(n, int) and 0 <= n <= total for n in counts)
        if not whole or sum(counts) != total:
            raise ValueError(f'run lengths do not add up to {total} pixels')
        return
    runs = _decode_runs(counts)
    if runs is None or sum(runs) != total or min(runs, default=0) < 0:
        raise ValueError(f'compressed run lengths do not add up to {total} pixels')


def _decode_runs(counts: object) -> list[int] | None:
    """Run lengths of COCO's compressed text, six bits a character; None if broken."""
    if isinstance(counts, bytes):
        counts = counts.decode('latin-1')
    if not isinstance(counts, str):
        return None
    runs, value, shift = [], 0, 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 30:
            return None
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value |= -1 << shift
        # From the third on, lengths are differences to the last but one.
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    return runs if shift == 0 else None


def _draw(coco, objects: list[dict], label: dict[int, int], size: tuple) -> np.ndarray:
    """Mask of an image, (H, W) uint8: large objects first, then crowds as unknown."""
    if not all(isinstance(n, int) and n > 0 for n in size) or size[0] * size[1] > LARGEST:
        raise ValueError(f'an image of {size[1]}x{size[0]} pixels')
    mask = np.zeros(size, np.uint8)
    for entry in objects:
        check_outline(entry['segmentation'], size)
    drawn = [dict(entry, segmentation=_polygons(entry)) for entry in objects]
    regions = [(coco.annToMask(entry) > 0, entry) for entry in drawn]
    if any(region.shape != mask.shape for region, _ in regions):
        raise ValueError(f'a run-length mask is not of {size[0]}x{size[1]} pixels')
    for region, entry in sorted(regions, key=lambda pair: -int(pair[0].sum())):
        if not entry.get('iscrowd'):
            mask[region] = label[entry['category_id']]
    for region, entry in regions:
        if entry.get('iscrowd'):
            mask[region & (mask == 0)] = IGNORE_INDEX
    return mask
