"""Click files and split lists for PASCAL VOC 2012, and the small set ``voc_animals``."""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmseg.datasets import PascalVOCDataset
from PIL import Image

from .._files import replace_file, replace_folder
from .class_resolver import ClassResolver
from .click_formats import read_clicks, write_clicks
from .image_checks import image_sizes
from .mask_files import read_mask, write_mask
from .voc_devkit import VOC_CLASSES, VOCDevkit

ANIMALS = frozenset(('cat', 'cow', 'dog', 'horse', 'person', 'sheep'))
ANIMALS_SIDE = 300
ANIMALS_DEV = 200
JPEG_QUALITY = 85
# Size of train_aug in the literature.
TRAIN_AUG = 10582
BACKGROUND_FILE = 'bg_from_scribbles'
Progress = Callable[[list], Iterable]


@dataclass(frozen=True)
class ClickFiles:
    """The published click files.

    Attributes:
        main (str): ``pascal2012_trainval_main.json`` of "What's the Point".
        supp (str): ``pascal2012_trainval_supp.json`` of the same.
        background (str): ``voc_whats_the_point_bg_from_scribbles.json`` of GatedCRF.
    """

    main: str
    supp: str
    background: str

    def load(self) -> dict[str, dict[str, list[dict]]]:
        """Check every entry and return the files by the names they are written under.

        Raises:
            FileNotFoundError: A file is absent.
            ValueError: A file is malformed; the message names file, image and entry.
        """
        files = {'main': self.main, 'supp': self.supp, BACKGROUND_FILE: self.background}
        contents = {}
        for name, path in files.items():
            only = 0 if name == BACKGROUND_FILE else None
            read_clicks(path, ClassResolver(VOC_CLASSES), only_class=only)
            contents[name] = json.loads(Path(path).read_text(encoding='utf-8-sig'))
        return contents


def train_aug_ids(devkit: VOCDevkit, clicks: dict) -> list[str]:
    """Ids of train_aug: the official train list and SBD's images, without val.

    SBD's images are those with a mask where the devkit knows ``masks``; otherwise those of
    the background clicks, which were made for the same 10,582 images (and val).

    Args:
        devkit (VOCDevkit): The devkit.
        clicks (dict): The files of :meth:`ClickFiles.load`.

    Returns:
        list[str]: Sorted ids of images that are there.
    """
    if devkit.masks is not None:
        more = {path.stem for path in devkit.masks.glob('*.png')}
    else:
        more = set(clicks[BACKGROUND_FILE])
    chosen = (set(devkit.train) | more) - set(devkit.val)
    return sorted(chosen & devkit.image_ids())


def prepare_voc(devkit: VOCDevkit, files: ClickFiles) -> dict:
    """Write what the VOC configs read, inside the devkit.

    ``points/main.json``, ``points/supp.json`` and ``points/bg_from_scribbles.json`` hold
    the clicks of train_aug alone, as published, wrong ones included;
    ``ImageSets/Segmentation/train_aug.txt`` the ids, none of them of val; and
    ``points/report.json`` the counts.

    Args:
        devkit (VOCDevkit): The devkit.
        files (ClickFiles): The published click files.

    Returns:
        dict: The report: ``train_aug`` (images) and per click file the counts of
        :func:`count_clicks`.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: A file is malformed, or the devkit cannot be written.
    """
    clicks = files.load()
    ids = train_aug_ids(devkit, clicks)
    if not ids:
        raise ValueError(f'no image of train_aug is in {devkit.images}')
    sizes = image_sizes([str(devkit.image(i)) for i in ids])
    report = dict(train_aug=len(ids), expected=TRAIN_AUG)
    for name, content in clicks.items():
        report[name] = count_clicks(content, ids, sizes, set(devkit.val))
        kept = {i: content.get(i, []) for i in ids}
        write_clicks(devkit.root / 'points' / f'{name}.json', kept)
    _write_ids(devkit.root / 'ImageSets' / 'Segmentation' / 'train_aug.txt', ids)
    with replace_file(devkit.root / 'points' / 'report.json') as path:
        path.write_text(json.dumps(report, indent=1))
    return report


def count_clicks(
    content: dict[str, list[dict]], ids: list[str], sizes: np.ndarray, val: set[str]
) -> dict[str, int]:
    """Count what one click file holds for a list of images.

    Args:
        content (dict): Image id to clicks.
        ids (list[str]): Ids of the images.
        sizes (np.ndarray): (n, 2) their widths and heights.
        val (set[str]): Ids of validation images.

    Returns:
        dict[str, int]: ``clicks``, ``rank_1``, ``outside_image``,
        ``images_without_clicks``, and of the ids that are left out ``val_images`` and
        ``unknown_images``.
    """
    entries = [(e, size) for i, size in zip(ids, sizes) for e in content.get(i, [])]
    outside = sum(
        not (0 <= e['x'] < width and 0 <= e['y'] < height) for e, (width, height) in entries
    )
    others = set(content) - set(ids)
    return dict(
        clicks=len(entries),
        rank_1=sum(e.get('rank') == 1 for e, _ in entries),
        outside_image=outside,
        images_without_clicks=sum(not content.get(i) for i in ids),
        val_images=len(others & val),
        unknown_images=len(others - val),
    )


def derive_animals(
    devkit: VOCDevkit, files: ClickFiles, out: str | Path, progress: Progress = iter
) -> dict[str, int]:
    """Write ``voc_animals``: the images of train_aug with no other class than six.

    Images are scaled to at most 300 pixels (bicubic, JPEG quality 85), masks by the nearest
    neighbour, clicks with their image, to 1/100 pixel. ``dev.txt`` is a draw of 200, seeded
    with 0, from those on the official train list, whose masks are clean; the others are
    ``train.txt``. No official val image is used.

    The classes are those of the masks if the devkit knows ``masks``, and then the split
    lists are those of the published tables; without, those of the boxes (see
    :meth:`VOCDevkit.classes_of`), and a few images differ. A training image without a mask
    gets none: training from clicks does not read it.

    Args:
        devkit (VOCDevkit): The devkit.
        files (ClickFiles): The published click files.
        out (str | Path): Folder to write; it must be absent or empty.
        progress (Callable): Wraps the list of images to show how far it is.

    Returns:
        dict[str, int]: Numbers of ``train`` and ``dev`` images.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: A file is malformed, or ``out`` holds something.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f'{out} exists; remove it or choose another folder')
    clicks = files.load()
    splits = animal_splits(devkit, train_aug_ids(devkit, clicks))
    scaled = {name: {} for name in clicks}
    with replace_folder(out) as folder:
        for name in ('JPEGImages', 'SegmentationClass'):
            (folder / name).mkdir()
        for image_id in progress(sorted(splits['train'] + splits['dev'])):
            factors = _scale_image(devkit, image_id, folder)
            for name, content in clicks.items():
                entries = content.get(image_id, [])
                scaled[name][image_id] = [scale_click(e, factors) for e in entries]
        for name, content in scaled.items():
            write_clicks(folder / 'points' / f'{name}.json', content)
        for name, ids in splits.items():
            _write_ids(folder / 'ImageSets' / 'Segmentation' / f'{name}.txt', ids)
    return {name: len(ids) for name, ids in splits.items()}


def animal_splits(devkit: VOCDevkit, ids: list[str]) -> dict[str, list[str]]:
    """Sorted ids of ``train`` and ``dev`` of ``voc_animals``.

    Raises:
        ValueError: There are too few images to draw the 200 of ``dev`` from.
    """
    animals = [i for i in ids if devkit.classes_of(i) and devkit.classes_of(i) <= ANIMALS]
    clean = sorted(set(animals) & set(devkit.train))
    if len(clean) < ANIMALS_DEV:
        raise ValueError(
            f'{devkit.root}: {len(clean)} images of the official train list show nothing '
            f'but {", ".join(sorted(ANIMALS))}; the devkit has 370, dev needs {ANIMALS_DEV}'
        )
    dev = set(random.Random(0).sample(clean, ANIMALS_DEV))
    return dict(train=[i for i in animals if i not in dev], dev=sorted(dev))


def scale_click(click: dict, factors: tuple[float, float]) -> dict:
    """A click with its coordinates multiplied, to 1/100 pixel."""
    x, y = (round(click[key] * f, 2) for key, f in zip('xy', factors))
    return dict(click, x=x, y=y)


def _scale_image(devkit: VOCDevkit, image_id: str, folder: Path) -> tuple[float, float]:
    """Write image and mask and return the factors of x and y."""
    with Image.open(devkit.image(image_id)) as image:
        width, height = image.size
        scale = min(1, ANIMALS_SIDE / max(width, height))
        size = round(width * scale), round(height * scale)
        image = image.convert('RGB').resize(size, Image.BICUBIC)
    image.save(folder / 'JPEGImages' / f'{image_id}.jpg', quality=JPEG_QUALITY)
    source = devkit.mask(image_id)
    if source is not None:
        mask = Image.fromarray(read_mask(source)).resize(size, Image.NEAREST)
        palette = np.array(PascalVOCDataset.METAINFO['palette'])
        path = folder / 'SegmentationClass' / f'{image_id}.png'
        write_mask(path, np.asarray(mask), palette)
    return size[0] / width, size[1] / height


def _write_ids(path: Path, ids: list[str]) -> None:
    with replace_file(path) as temporary:
        temporary.write_text('\n'.join(ids) + '\n')
