"""Folders of masks beside photographs."""

from collections.abc import Sequence
from filecmp import cmp
from pathlib import Path, PurePosixPath

import numpy as np

from .._messages import shortened
from ..constants import IGNORE_INDEX
from ..datasets.json_objects import read_object
from ..datasets.mask_files import read_mask
from ..datasets.pseudo_label_folder import MANIFEST

SUFFIX = '.png'


def masks_of(folder: str, photos: Sequence[str], root: str) -> dict[str, str]:
    """Masks in a folder that belong to photographs; the photographs themselves are none.

    Args:
        folder (str): Folder of PNGs with the tree of the photographs.
        photos (Sequence[str]): Relative paths of the photographs.
        root (str): Their folder.

    Returns:
        dict[str, str]: Photograph to the relative path of its mask, where there is one.
    """
    masks = {photo: str(PurePosixPath(photo).with_suffix(SUFFIX)) for photo in photos}
    return {
        photo: mask
        for photo, mask in masks.items()
        if (Path(folder) / mask).is_file()
        # Photographs in folders of their classes: tags. Sizes are compared first.
        and not cmp(Path(folder) / mask, Path(root) / photo, shallow=False)
    }


def mask_values(path: Path) -> list[int]:
    """Class ids in a mask, 255 left out.

    Raises:
        ValueError: It is damaged, a picture in colours, or in more than 8 bits.
    """
    values = np.unique(read_mask(path, modes=('P', 'L', '1')))
    return [int(value) for value in values if value != IGNORE_INDEX]


def label_classes(folder: str, classes: Sequence[str] | None) -> list[str] | None:
    """Classes of masks that a model made, by their manifest.

    Args:
        folder (str): Folder of masks.
        classes (Sequence[str], optional): What the user says they are.

    Returns:
        list[str] | None: None without a manifest: people drew the masks.

    Raises:
        ValueError: The manifest names none, or others than ``classes``.
    """
    manifest = Path(folder) / MANIFEST
    if not manifest.is_file():
        return None
    names = read_object(manifest).get('classes')
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'{manifest} has no list of classes: make the labels again')
    if classes is not None and list(classes) != names:
        raise ValueError(
            f'{manifest}: the labels are of the classes {shortened(", ".join(names))}: '
            'leave --classes out'
        )
    return names
