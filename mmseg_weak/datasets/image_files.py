"""The image files of a data set: which there are, whether whole, how large."""

import io
import logging
import os
from collections.abc import Sequence

import mmengine.fileio as fileio
import numpy as np
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from PIL import Image

EXIF_ORIENTATION = 0x0112
TIFF_WIDTH, TIFF_HEIGHT = 256, 257
# Every undamaged file has its mark in the last bytes, give or take padding.
END_MARKS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND'}
TAIL_BYTES = 64
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# How many names an error message lists.
MAX_NAMES = 5
Files = str | os.PathLike | Sequence[str | os.PathLike]


def as_list(files: Files | None) -> list[str]:
    """Paths of one file, of several, or of none."""
    if files is None:
        return []
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    return [os.fspath(file) for file in files]


def image_id(name: str, suffix: str) -> str:
    """Id of an image as a file may write it: other slashes, with the suffix."""
    return name.replace('\\', '/').removeprefix('./').removesuffix(suffix)


def list_image_ids(
    folder: str,
    split_file: str = '',
    suffix: str = '.jpg',
    backend_args: dict | None = None,
) -> list[str]:
    """Ids of the images of a data set, each once.

    Args:
        folder (str): Image folder; subfolders become part of the id.
        split_file (str): Text file with one id a line. Defaults to '', which takes
            all images of the folder in sorted order.
        suffix (str): End of the file names, not part of the id. Defaults to '.jpg'.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        list[str]: The ids.

    Raises:
        FileNotFoundError: Folder or split list is absent.
        ValueError: No image is named.
    """
    if not fileio.isdir(folder, backend_args=backend_args):
        raise FileNotFoundError(f'image folder not found: {folder!r}')
    if split_file:
        if not fileio.isfile(split_file, backend_args=backend_args):
            raise FileNotFoundError(f'split list not found: {split_file}')
        text = fileio.get_text(split_file, backend_args=backend_args)
        text = text.removeprefix('\ufeff')  # some editors begin files with it
        names = [line.strip() for line in text.splitlines() if line.strip()]
        source = f'split list {split_file} is empty'
    else:
        files = fileio.list_dir_or_file(
            folder, list_dir=False, recursive=True, backend_args=backend_args
        )
        files = sorted(files)
        names = [file for file in files if file.endswith(suffix)]
        _tell_others([file for file in files if not file.endswith(suffix)], suffix)
        source = f'no file of {folder} ends with {suffix!r} (img_suffix)'
    if not names:
        raise ValueError(source)
    return list(dict.fromkeys(image_id(name, suffix) for name in names))


def _tell_others(files: Sequence[str], suffix: str) -> None:
    """A folder of photographs often holds more than one suffix."""
    images = [f for f in files if f.lower().endswith(IMAGE_SUFFIXES)]
    if images and is_main_process():
        print_log(
            f'{len(images)} images do not end with {suffix!r} (img_suffix) and are left '
            f'out: {_listing(images)}',
            logger='current',
            level=logging.WARNING,
        )


def image_sizes(paths: Sequence[str], backend_args: dict | None = None) -> np.ndarray:
    """Width and height of images as mmcv's ``LoadImageFromFile`` loads them.

    Only headers and the last bytes are read. mmcv turns photographs upright by their
    EXIF orientation, so the sizes here are those of the upright image. Truncated
    files are found here because decoders disagree: OpenCV 4 fills the missing part
    of a JPEG with grey and says nothing, OpenCV 5 and Pillow fail in mid-training.

    Args:
        paths (Sequence[str]): Image files.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        np.ndarray: (n, 2) int64 width and height.

    Raises:
        FileNotFoundError: Images are absent; the message counts them, names some.
        ValueError: Images are truncated or unreadable; likewise.
    """
    sizes, absent, broken = np.zeros((len(paths), 2), dtype=np.int64), [], []
    for i, path in enumerate(paths):
        try:
            sizes[i] = _image_size(path, backend_args)
        except FileNotFoundError:
            absent.append(path)
        except (OSError, SyntaxError) as error:  # PIL raises both for damaged files
            reason = str(error).split(' <')[0]
            broken.append(f'{path} ({reason})')
    if absent:
        raise FileNotFoundError(
            f'{len(absent)} of {len(paths)} images not found: {_listing(absent)}; check '
            "the split list, data_prefix['img_path'] and img_suffix"
        )
    if broken:
        raise ValueError(
            f'{len(broken)} of {len(paths)} images are truncated or unreadable: '
            f'{_listing(broken)}; replace them or take them out of the split list'
        )
    return sizes


def _image_size(path: str, backend_args: dict | None) -> tuple[int, int]:
    """Width and height of one image; raises OSError when the file is damaged."""
    if backend_args is None:
        stream = open(path, 'rb')  # noqa: SIM115 closed below
    else:
        stream = io.BytesIO(fileio.get(path, backend_args=backend_args))
    with stream, Image.open(stream) as image:
        width, height = image.size
        if image.format == 'TIFF':  # Pillow gives the upright size of these alone
            width, height = image.tag_v2[TIFF_WIDTH], image.tag_v2[TIFF_HEIGHT]
        # The base class reads the header only; PNG's own method decodes the image.
        orientation = Image.Image.getexif(image).get(EXIF_ORIENTATION, 1)
        stream.seek(0, io.SEEK_END)
        stream.seek(max(0, stream.tell() - TAIL_BYTES))
        mark = END_MARKS.get(image.format)
        if mark is None or mark not in stream.read():
            stream.seek(0)
            Image.open(stream).load()  # decides: raises when pixels are missing
    return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _listing(names: Sequence[str]) -> str:
    return ', '.join(names[:MAX_NAMES]) + (', ...' if len(names) > MAX_NAMES else '')
