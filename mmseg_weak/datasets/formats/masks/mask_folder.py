"""A folder of label maps beside the images they belong to, written in any format."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...._files import replace_file, replace_folder
from ....constants import IGNORE_INDEX
from ....registry import WRITERS
from ...image_checks import image_sizes
from ...image_files import IMAGE_SUFFIXES
from ...mask_files import read_mask


class MaskFolder:
    """Label maps such as predictions or pseudo-labels, to be written for a tool.

    Args:
        path (str | os.PathLike): Folder of PNGs whose pixels are class indices, 255 where
            nothing is known.
        classes (Sequence[str]): Names, in the order of the indices.
        images (str | os.PathLike): Folder of the images; a mask belongs to the one of the
            same name but for the suffix, or to the one it names with its suffix
            (``a.jpg.png``).
        background (str): Class that tools do not draw. Defaults to ``'background'``.

    Attributes:
        masks (dict[str, Path]): Image to its mask.
        notes (list[str]): How many masks were left out because they have no image.

    Raises:
        FileNotFoundError: A folder is absent.
        ValueError: No mask has an image, or one has several.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        classes: Sequence[str],
        images: str | os.PathLike,
        background: str = 'background',
    ) -> None:
        self.path, self.images = Path(path), Path(images)
        self.classes, self.background = list(classes), background
        for folder in (self.path, self.images):
            if not folder.is_dir():
                raise FileNotFoundError(f'folder not found: {folder}')
        files: dict[str, list[str]] = {}
        for name in _below(self.images):
            if name.lower().endswith(IMAGE_SUFFIXES):
                files.setdefault(os.path.splitext(name)[0], []).append(name)
        self.masks: dict[str, Path] = {}
        alone: list[str] = []
        for name in _below(self.path):
            if not name.lower().endswith('.png'):
                continue
            stem = name[:-4]
            found = [stem] if (self.images / stem).is_file() else files.get(stem, [])
            if len(found) > 1:
                raise ValueError(
                    f'{self.path / name}: {len(found)} images of that name in {self.images}'
                )
            if found:
                self.masks[found[0]] = self.path / name
            else:
                alone.append(name)
        self.notes = []
        if alone:
            text = f'{len(alone)} masks have no image in {self.images}'
            self.notes = [f'  note: {text} and are left out, such as {alone[0]}']
        if not self.masks:
            text = f'{text}, such as {alone[0]}' if alone else 'no PNG here'
            raise ValueError(f'{self.path}: {text}')

    def __len__(self) -> int:
        return len(self.masks)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each image's name below its folder and its labels, (H, W) uint8.

        Raises:
            ValueError: A mask has another size than its image or unknown classes.
        """
        for image, path in self.masks.items():
            mask = read_mask(path)
            size = image_sizes([str(self.images / image)])[0].tolist()
            if list(mask.shape[::-1]) != size:
                raise ValueError(
                    f'{path}: is {mask.shape[1]}x{mask.shape[0]}, its image {image} '
                    f'(upright) {size[0]}x{size[1]}'
                )
            values = np.unique(mask)
            wrong = values[(values >= len(self.classes)) & (values != IGNORE_INDEX)]
            if len(wrong):
                raise ValueError(
                    f'{path}: label {wrong[0]}, the {len(self.classes)} classes end at '
                    f'{len(self.classes) - 1}'
                )
            yield image, mask.astype(np.uint8)

    def drawn(self) -> list[tuple[int, str]]:
        """Index and name of the classes that tools draw: all but background."""
        named = enumerate(self.classes)
        return [(i, name) for i, name in named if name != self.background]


def _below(folder: Path) -> list[str]:
    """Files of a folder and those below it, relative, with ``/``."""
    files = (p for p in folder.rglob('*') if p.is_file())
    return sorted(p.relative_to(folder).as_posix() for p in files)


class MaskFormat:
    """One format of masks; subclasses are registered in ``registry.WRITERS``.

    Attributes:
        title (str): Name for people.
        folder (bool): It is a folder, not a file.
        suffix (str): Of the file.
    """

    title = ''
    folder = False
    suffix = '.json'

    @staticmethod
    def write(path: str | os.PathLike, masks: MaskFolder) -> None:
        """Write a file, or into a folder that exists and is empty."""
        raise NotImplementedError


def write_masks(path: str | os.PathLike, masks: MaskFolder, format: str) -> None:
    """Write a file or folder, whole or not at all.

    Args:
        path (str | os.PathLike): The file or folder.
        masks (MaskFolder): What to write.
        format (str): Name of the format in ``WRITERS``.

    Raises:
        ValueError: The format is unknown, or a mask does not fit its image or classes.
    """
    if format not in WRITERS.module_dict:
        raise ValueError(
            f'masks cannot be written as {format!r}, there are '
            f'{", ".join(sorted(WRITERS.module_dict))}'
        )
    entry = WRITERS.get(format)
    with (replace_folder if entry.folder else replace_file)(path) as temporary:
        entry.write(temporary, masks)
