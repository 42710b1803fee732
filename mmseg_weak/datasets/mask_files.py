"""Read and write the masks of a data set as files."""

import os

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .image_checks import large_images


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """Read class ids from a palette or grey PNG.

    Args:
        path (str | os.PathLike): Mask file.

    Returns:
        np.ndarray: (H, W) uint8 or, from a 16-bit PNG, int32.

    Raises:
        FileNotFoundError: The file is absent.
        ValueError: It is unreadable or its pixels are colours, not class ids.
    """
    try:
        with large_images(), Image.open(path) as image:
            if image.mode not in ('P', 'L', 'I', 'I;16'):
                raise ValueError(
                    f'{path}: mask of mode {image.mode}; expected a palette or grey PNG '
                    'whose pixel values are class ids'
                )
            mask = np.asarray(image)
    except FileNotFoundError:
        raise FileNotFoundError(f'mask not found: {path}') from None
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f'{path}: mask is truncated or unreadable ({error})') from None
    except (OSError, SyntaxError, EOFError) as error:  # of Pillow, for damaged files
        raise ValueError(f'{path}: mask is truncated or unreadable ({error})') from None
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
