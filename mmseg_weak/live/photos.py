"""Photographs of a folder and lines on them."""

from pathlib import Path

import mmcv
import numpy as np

from ..datasets.image_files import IMAGE_SUFFIXES


def list_photos(folder: Path) -> list[str]:
    """Ids of the images below a folder, sorted; hidden folders are left out.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds no image.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f'folder {folder} does not exist')
    names = []
    for path in folder.rglob('*'):
        name = path.relative_to(folder)
        hidden = any(part.startswith('.') for part in name.parts)
        if path.suffix.lower() in IMAGE_SUFFIXES and not hidden and path.is_file():
            names.append(name.as_posix())
    if not names:
        raise ValueError(f'{folder} holds no image ({", ".join(IMAGE_SUFFIXES)})')
    return sorted(names)


def read_photo(path: Path) -> np.ndarray:
    """An upright image, RGB, (H, W, 3) uint8.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        image = mmcv.imread(str(path), channel_order='rgb')
    except Exception as error:  # decoders raise what they like
        raise ValueError(f'{path} cannot be read as an image ({error})') from None
    if image is None:
        raise ValueError(f'{path} cannot be read as an image')
    return image


def along(points: np.ndarray, step: float) -> np.ndarray:
    """Points at equal distances of at most ``step`` along a line, (n, 2) float64."""
    if len(points) < 2:
        return points
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    places = np.linspace(0, length[-1], int(np.ceil(length[-1] / step)) + 1)
    return np.stack([np.interp(places, length, axis) for axis in points.T], 1)
