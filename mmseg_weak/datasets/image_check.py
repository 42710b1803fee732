"""Look at the image files of a data set before training: present, whole, how large."""

import io
from collections.abc import Sequence

import mmengine.fileio as fileio
import numpy as np
from PIL import Image

EXIF_ORIENTATION = 0x0112
# What the last bytes of an undamaged file contain; enough room for padding.
END_MARKS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND'}
TAIL_BYTES = 64


def image_sizes(paths: Sequence[str], backend_args: dict | None = None) -> np.ndarray:
    """Width and height of images as mmcv's ``LoadImageFromFile`` loads them.

    Only headers and the last bytes are read, about 0.2 ms an image. mmcv turns
    photographs upright by their EXIF orientation, so the sizes here are those of the
    upright image.

    Args:
        paths (Sequence[str]): Image files.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        np.ndarray: (n, 2) int64 width and height.

    Raises:
        FileNotFoundError: Images are absent; names up to five and counts all.
        ValueError: Images are truncated or unreadable; names up to five.
    """
    sizes, absent, broken = np.zeros((len(paths), 2), dtype=np.int64), [], []
    for i, path in enumerate(paths):
        try:
            sizes[i] = _image_size(path, backend_args)
        except FileNotFoundError:
            absent.append(path)
        except (OSError, SyntaxError) as error:  # PIL raises both for damaged files
            broken.append(f'{path} ({error})')
    if absent:
        raise FileNotFoundError(_listing('image(s) not found', absent, len(paths)))
    if broken:
        raise ValueError(_listing('truncated or unreadable image(s)', broken, len(paths)))
    return sizes


def _image_size(path: str, backend_args: dict | None) -> tuple[int, int]:
    """Size of one image; raises OSError when the file is damaged."""
    if backend_args is None:
        stream = open(path, 'rb')  # noqa: SIM115 closed below
    else:
        stream = io.BytesIO(fileio.get(path, backend_args=backend_args))
    with stream, Image.open(stream) as image:
        width, height = image.size
        turned = image.getexif().get(EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
        stream.seek(0, io.SEEK_END)
        stream.seek(max(0, stream.tell() - TAIL_BYTES))
        mark = END_MARKS.get(image.format)
        if mark is None or mark not in stream.read():
            stream.seek(0)
            Image.open(stream).load()  # decides: raises when pixels are missing
    return (height, width) if turned else (width, height)


def _listing(what: str, names: Sequence[str], total: int) -> str:
    shown = ', '.join(names[:5]) + (', ...' if len(names) > 5 else '')
    return f'{len(names)} of {total} {what}: {shown}'
