"""A data set made by code: ordinary folders of images, masks and clicks.

Train on it with :class:`~mmseg_weak.datasets.ClickDataset` and
``metainfo=dict(classes=SYNTHETIC_CLASSES, palette=SYNTHETIC_PALETTE)``.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .._files import replace_folder
from .click_formats import write_clicks
from .click_simulation import ClickSimulator, image_generator
from .mask_files import write_mask
from .synthetic_scenes import DRAWING_VERSION, draw_scene

SYNTHETIC_CLASSES = ('background', 'disc', 'ring', 'star', 'cross', 'crescent')
SYNTHETIC_PALETTE = (
    (0, 0, 0),
    (214, 39, 40),
    (255, 187, 40),
    (44, 160, 44),
    (31, 119, 180),
    (170, 90, 200),
)
MANIFEST = 'manifest.json'
JPEG_QUALITY = 92


@dataclass(frozen=True)
class SyntheticSpec:
    """What a synthetic set is made from; the same values give the same files.

    Attributes:
        num_train (int): Training images, >= 1.
        num_val (int): Validation images, >= 1.
        min_size (int): Shortest side of an image in pixels, >= 48.
        max_size (int): Longest side, >= ``min_size``.
        background_clicks (int): Clicks on the background of a training image, >= 0.
        seed (int): Seed, >= 0.

    Raises:
        ValueError: An option is out of its range.
    """

    num_train: int = 300
    num_val: int = 60
    min_size: int = 96
    max_size: int = 128
    background_clicks: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = dict(num_train=1, num_val=1, min_size=48, max_size=self.min_size)
        for name, low in dict(lowest, background_clicks=0, seed=0).items():
            if getattr(self, name) < low:
                raise ValueError(f'{name} must be >= {low}, got {getattr(self, name)}')


def draw_sample(spec: SyntheticSpec, image_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw one sample; it depends on the seed, the sizes and the id alone.

    Args:
        spec (SyntheticSpec): What to make.
        image_id (str): Id of the image.

    Returns:
        tuple[np.ndarray, np.ndarray]: (H, W, 3) uint8 RGB image, (H, W) uint8 mask.
    """
    rng = image_generator(spec.seed, image_id)
    height, width = rng.integers(spec.min_size, spec.max_size + 1, 2).tolist()
    return draw_scene(rng, (height, width))


def make_synthetic(root: str | os.PathLike, spec: SyntheticSpec | None = None) -> bool:
    """Write the set, unless it is there and whole.

    Files: ``JPEGImages/*.jpg``, ``SegmentationClass/*.png`` (palette PNG),
    ``ImageSets/train.txt`` and ``val.txt``, ``points/clicks.json`` with one click on each
    object of the training images, ``points/background.json``, and ``manifest.json``. The
    folder appears once it is complete; a broken one, or one of other options, is replaced.

    Args:
        root (str | os.PathLike): Folder to write.
        spec (SyntheticSpec, optional): What to make. Defaults to ``SyntheticSpec()``.

    Returns:
        bool: False when the finished set was there already.

    Raises:
        ValueError: ``root`` holds something else, or cannot be written.
    """
    root, spec = Path(root), spec or SyntheticSpec()
    if is_complete(root, spec):
        return False
    foreign = root.exists() and not (root / MANIFEST).is_file()
    if foreign and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(
            f'{root} exists and is no synthetic set; choose another folder or remove it'
        )
    with replace_folder(root) as folder:
        _write_set(folder, spec)
        (folder / MANIFEST).write_text(json.dumps(_manifest(folder, spec), indent=1))
    return True


def is_complete(root: str | os.PathLike, spec: SyntheticSpec) -> bool:
    """Whether a folder holds the set of these options with every file as written."""
    try:
        manifest = json.loads((Path(root) / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return manifest == _manifest(Path(root), spec)


def _write_set(folder: Path, spec: SyntheticSpec) -> None:
    names = ('JPEGImages', 'SegmentationClass', 'ImageSets', 'points')
    images, masks, splits, points = (folder / name for name in names)
    for path in (images, masks, splits, points):
        path.mkdir()
    simulator = ClickSimulator(
        num_classes=len(SYNTHETIC_CLASSES),
        background_clicks=spec.background_clicks,
        seed=spec.seed,
    )
    clicks, background = {}, {}
    for split, number in dict(train=spec.num_train, val=spec.num_val).items():
        ids = [f'{split}_{i:04d}' for i in range(number)]
        for image_id in ids:
            image, mask = draw_sample(spec, image_id)
            path = images / f'{image_id}.jpg'
            Image.fromarray(image).save(path, quality=JPEG_QUALITY, subsampling=0)
            write_mask(masks / f'{image_id}.png', mask, np.array(SYNTHETIC_PALETTE))
            if split == 'train':  # no one clicks what is tested
                clicks[image_id] = simulator(mask, image_id)
                background[image_id] = simulator.background_of(mask, image_id)
        (splits / f'{split}.txt').write_text('\n'.join(ids) + '\n')
    write_clicks(points / 'clicks.json', clicks)
    write_clicks(points / 'background.json', background)


def _manifest(folder: Path, spec: SyntheticSpec) -> dict:
    """Origin and SHA-256 of every file below a folder."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    checksums = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != MANIFEST
    }
    return dict(drawing_version=DRAWING_VERSION, spec=asdict(spec), files=checksums)
