"""Folders of masks beside photographs."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ..constants import IGNORE_INDEX
from ..datasets.mask_files import read_mask

SUFFIX = '.png'


def masks_of(folder: str, photos: Sequence[str]) -> dict[str, str]:
    """Masks in a folder that belong to photographs.

    Args:
        folder (str): Folder of PNGs with the tree of the photographs.
        photos (Sequence[str]): Relative paths of the photographs.

    Returns:
        dict[str, str]: Photograph to the relative path of its mask, where there is one.
    """
    masks = {photo: str(PurePosixPath(photo).with_suffix(SUFFIX)) for photo in photos}
    return {p: mask for p, mask in masks.items() if (Path(folder) / mask).is_file()}


def mask_values(path: Path) -> list[int]:
    """Class ids in a mask, 255 left out.

    Raises:
        ValueError: It is damaged, a picture in colours, or in more than 8 bits.
    """
    values = np.unique(read_mask(path, modes=('P', 'L', '1')))
    return [int(value) for value in values if value != IGNORE_INDEX]
