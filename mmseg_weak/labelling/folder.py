"""A folder of pseudo-labels or activation maps that remembers how they were made."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._arrays import read_arrays
from .._files import replace_file, write_json
from .._messages import shortened
from ..constants import IGNORE_INDEX
from ..datasets.image_open import open_image
from ..datasets.json_objects import read_object
from ..datasets.mask_files import read_mask, write_mask
from ..datasets.pseudo_label_folder import MANIFEST, REPORT

LABEL_SUFFIX, MAP_SUFFIX = '.png', '.npz'
# Every how many pixels, along a side, a stored map has a value.
STRIDE = 4
# Text in the PNG of an image that has no label; so the reason cannot be parted from it.
REFUSED = 'refused'


@dataclass(frozen=True)
class LabelFolder:
    """Files named by image id and ``manifest.json`` with the settings they depend on.

    Attributes:
        path (Path): The folder.
        settings (dict): Everything that changes a file, in plain JSON types.
        classes (tuple[str, ...]): Class names, in the order of the ids.
        palette (np.ndarray): (n, 3) colours 0 to 255 of the classes.
        suffix (str): ``.png`` for labels, ``.npz`` for activation maps.
    """

    path: Path
    settings: dict
    classes: tuple[str, ...]
    palette: np.ndarray
    suffix: str = LABEL_SUFFIX

    def prepare(self, overwrite: bool = False) -> None:
        """Make the folder ready, keeping files that were made with the same settings.

        Args:
            overwrite (bool): Remove files made with other settings. Defaults to False.

        Raises:
            ValueError: The folder holds files that are not ours, or made with other
                settings without ``overwrite``, or cannot be written.
        """
        manifest = self.path / MANIFEST
        content = dict(classes=list(self.classes), settings=self.settings)
        files = list(self.path.rglob(f'*{self.suffix}'))
        kind = self.suffix[1:].upper()
        if files and not manifest.is_file():
            raise ValueError(
                f'{self.path} holds {kind}s but no {MANIFEST}, so they were not made by '
                'this tool; choose another --out'
            )
        if manifest.is_file():
            old = read_object(manifest)
            if old == json.loads(json.dumps(content)):
                return
            if files and not overwrite:
                names = shortened(', '.join(_differences(old, content)))
                raise ValueError(
                    f'{self.path} holds labels made with other settings ({names}); choose '
                    'another --out, or make them again with --overwrite'
                )
            # Before the new manifest: a kill in between must not mix old and new labels.
            for file in files:
                file.unlink()
        (self.path / REPORT).unlink(missing_ok=True)
        write_json(manifest, content)

    def file(self, image: str) -> Path:
        """File of an image."""
        return self.path / f'{image}{self.suffix}'

    def missing(self, images: Sequence[str]) -> set[int]:
        """Positions of the images that have no file yet."""
        return {i for i, image in enumerate(images) if not self.file(image).is_file()}

    def write(self, image: str, labels: np.ndarray, refused: str | None = None) -> None:
        """Write a label map, whole or not at all.

        Args:
            image (str): Image id.
            labels (np.ndarray): (H, W) class indices, 255 unknown.
            refused (str, optional): Why the image has no label.

        Raises:
            ValueError: It cannot be written, for instance because the disk is full.
        """
        labels, text = labels.astype(np.uint8), {REFUSED: refused} if refused else {}
        self._write(image, lambda path: write_mask(path, labels, self.palette, **text))

    def read(self, image: str) -> tuple[np.ndarray, str | None]:
        """Labels of an image, (H, W) uint8, and why it was refused, if it was.

        Raises:
            FileNotFoundError: There is no label.
            ValueError: It is unreadable.
        """
        labels, refused = read_mask(self.file(image)), None
        if (labels == IGNORE_INDEX).all():
            with open_image(self.file(image)) as file:
                refused = file.info.get(REFUSED)
        return labels, refused

    def write_maps(
        self, image: str, maps: np.ndarray, labels: Sequence[int], size: tuple[int, int]
    ) -> None:
        """Write activation maps in half precision, whole or not at all.

        VOC's 10582 images take about 0.4 GB.

        Args:
            image (str): Image id.
            maps (np.ndarray): Normalised, in [0, 1], every fourth pixel, (n, h, w).
            labels (Sequence[int]): Class index of each map.
            size (tuple[int, int]): Height and width of the image.

        Raises:
            ValueError: They cannot be written.
        """
        content = dict(
            cams=maps.astype(np.float16),
            labels=np.asarray(labels, np.int64),
            size=np.asarray(size, np.int64),
        )
        self._write(image, lambda path: np.savez_compressed(path, **content))

    def _write(self, image: str, save: Callable[[Path], None]) -> None:
        path = self.file(image)
        try:
            with replace_file(path) as temporary:
                save(temporary)
        except OSError as error:
            raise ValueError(f'{path} cannot be written ({error})') from None


def read_maps(folder: str | Path, image: str) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Read the activation maps of an image.

    Args:
        folder (str | Path): See :meth:`LabelFolder.write_maps`.
        image (str): Image id.

    Returns:
        tuple: Maps (n, h, w) float32 in [0, 1], class indices (n,), height and width of
        the image.

    Raises:
        FileNotFoundError: The image has none.
        ValueError: The file is damaged.
    """
    path = Path(folder) / f'{image}{MAP_SUFFIX}'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: image {image!r} has no stored maps; make them by '
            'mmseg-weak label --cams'
        )
    content = read_arrays(path)
    if not {'cams', 'labels', 'size'} <= set(content):
        raise ValueError(f'{path}: no activation maps, it holds {", ".join(content)[:80]}')
    maps, labels, size = content['cams'], content['labels'], content['size']
    shapes = maps.ndim == 3 and labels.shape == maps.shape[:1] and size.shape == (2,)
    whole = labels.dtype.kind == size.dtype.kind == 'i' and np.isfinite(maps).all()
    if not (shapes and whole and maps.size):
        raise ValueError(f'{path}: no activation maps; make them again')
    return maps.astype(np.float32), labels, tuple(size.tolist())


def _differences(old: dict, new: dict) -> list[str]:
    """Names of the settings that differ."""
    names = [] if old.get('classes') == new['classes'] else ['classes']
    before, after = old.get('settings'), json.loads(json.dumps(new['settings']))
    if not isinstance(before, dict):
        return [*names, 'settings']
    return names + [k for k in {**before, **after} if before.get(k) != after.get(k)]
