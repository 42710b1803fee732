"""Photographs of a folder tree, and the names of what is made of them."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import cv2
import mmcv
import numpy as np
from mmengine.logging import print_log

from .._messages import reason_of
from ..datasets.image_files import IMAGE_SUFFIXES, printable
from ..datasets.image_open import require_credible


def find_photos(path: str | os.PathLike, leave_out: str | os.PathLike = '') -> list[str]:
    """Photographs of a folder and its sub-folders, of any known suffix in any case.

    Hidden files and folders are passed over. Links to folders are followed, but not back
    into a folder that they lie in.

    Args:
        path (str | os.PathLike): A folder, or one photograph.
        leave_out (str | os.PathLike, optional): A folder inside it that is not looked
            into, such as that of the results.

    Returns:
        list[str]: Paths relative to the folder, with ``/``, sorted.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: There is no photograph.
    """
    path = Path(path)
    if path.is_file():
        return [path.name]
    if not path.is_dir():
        raise FileNotFoundError(f'folder of photographs {path} does not exist')
    avoided = Path(leave_out).resolve() if leave_out else None
    above = {str(path): {path.resolve(), avoided}}
    found = []
    for folder, children, files in os.walk(path, followlinks=True):
        passed = above.pop(folder)
        real = {name: (Path(folder) / name).resolve() for name in children}
        children[:] = sorted(
            name
            for name in children
            if not name.startswith('.') and real[name] not in passed
        )
        above |= {os.path.join(folder, name): passed | {real[name]} for name in children}
        inside = Path(folder).relative_to(path)
        found += [
            (inside / name).as_posix()
            for name in files
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')
        ]
    if not found:
        raise ValueError(
            f'no photograph in {path}: none ends with {" ".join(IMAGE_SUFFIXES)}'
        )
    return sorted(found)


def result_names(photos: list[str]) -> dict[str, str]:
    """A name for the results of each photograph, without suffix.

    Args:
        photos (list[str]): Relative paths.

    Returns:
        dict[str, str]: Photograph to the same path without its suffix; with it where two
        photographs of a folder differ in nothing else, also in no more than the case.
    """
    stems = {photo: str(PurePosixPath(photo).with_suffix('')) for photo in photos}
    counts = Counter(stem.lower() for stem in stems.values())
    return {p: stem if counts[stem.lower()] == 1 else p for p, stem in stems.items()}


def nameable(images: Sequence[str]) -> list[str]:
    """Images whose names can be written into a file of clicks; the others are told.

    Args:
        images (Sequence[str]): Relative paths.

    Raises:
        ValueError: There is none.
    """
    left = [image for image in images if not printable(image)]
    if left:
        print_log(
            f'{len(left)} images have names that no file of clicks can hold, such as '
            f'{left[0]!a}, and are left out: rename them',
            'current',
            logging.WARNING,
        )
    if len(left) == len(images):
        raise ValueError('no image has a name that can be written: rename them')
    return [image for image in images if printable(image)]


def read_photo(path: Path) -> np.ndarray:
    """An upright image, RGB, (H, W, 3) uint8.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        require_credible(path)
        image = mmcv.imread(str(path), channel_order='rgb')
    except cv2.error:  # speaks of its own source files
        image = None
    except Exception as error:  # decoders raise what they like
        reason = reason_of(error)
        raise ValueError(f'{path} cannot be read as an image ({reason})') from None
    if image is None:
        raise ValueError(f'{path} cannot be read as an image')
    return image
