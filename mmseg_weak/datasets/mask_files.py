"""Read and write the masks of a data set as files."""

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .._messages import reason_of
from .image_open import open_image

# Pillow's modes of pictures whose pixel values may be class ids.
MODES = ('P', 'L', 'I', 'I;16')


def read_mask(path: str | os.PathLike, modes: Sequence[str] = MODES) -> np.ndarray:
    """Read class ids from a palette or grey PNG.

    Args:
        path (str | os.PathLike): Mask file.
        modes (Sequence[str]): Pillow's modes that are taken. Defaults to those of palette
            and grey pictures.

    Returns:
        np.ndarray: (H, W) uint8 or, from a 16-bit PNG, int32. Of one bit: 0 and 255.

    Raises:
        FileNotFoundError: The file is absent.
        ValueError: It is unreadable or its pixels are colours, not class ids.
    """
    try:
        with open_image(path) as image:
            if image.mode not in modes:
                raise ValueError(
                    f'{path}: mask of mode {image.mode}; expected a palette or grey PNG '
                    'whose pixel values are class ids'
                )
            mask = np.asarray(image.convert('L') if image.mode == '1' else image)
    except FileNotFoundError:
        raise FileNotFoundError(f'mask not found: {path}') from None
    except Exception as error:  # Pillow raises anything for damaged files
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        reason = reason_of(error)
        raise ValueError(f'{path}: mask is truncated or unreadable ({reason})') from None
    return mask if mask.dtype == np.uint8 else mask.astype(np.int32)


def write_mask(
    path: str | os.PathLike, mask: np.ndarray, palette: np.ndarray, **texts: str
) -> None:
    """Write class ids as a palette PNG.

    Args:
        path (str | os.PathLike): PNG file.
        mask (np.ndarray): (H, W) uint8 class ids.
        palette (np.ndarray): (n, 3) colours 0 to 255 of the first n ids; 255 is white.
        **texts (str): Notes inside the file, by keyword.
    """
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    colours[255] = 255
    image = Image.fromarray(mask)
    image.putpalette(colours.tobytes())
    notes = PngInfo()
    for key, text in texts.items():
        notes.add_text(key, text)
    image.save(path, pnginfo=notes)
