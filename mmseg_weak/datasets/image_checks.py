"""Whether the images of a data set are whole, how large, and what loading makes of them."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import mmengine.fileio as fileio
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image, ImageOps

from .._messages import reason_of
from .image_files import listing
from .image_open import large_images, open_image, require_contents, require_credible
from .messages import warn

EXIF_ORIENTATION = 0x0112
TIFF_WIDTH, TIFF_HEIGHT, TIFF_BITS = 256, 257, 258
# Byte of a PNG that holds its bits a channel.
PNG_BITS = 24
# Every undamaged file has its mark in the last bytes, give or take padding.
END_MARKS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND'}
TAIL_BYTES = 64
# Bits a channel of Pillow's modes; 8 where nothing is said.
BITS = {'I;16': 16, 'I;16B': 16, 'I;16L': 16, 'I': 32, 'F': 32, '1': 1}
# What OpenCV, and so mmcv, can open.
LARGEST = 2**30
# Of images with more than 8 bits so many are loaded, and their values must spread so far.
TRIED, LEAST_SPREAD = 5, 32


class ImageKind(NamedTuple):
    """What decides how an image is decoded.

    Attributes:
        format (str): Of the file, such as ``PNG``.
        mode (str): Pillow's mode.
        bits (int): A channel.
    """

    format: str
    mode: str
    bits: int


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
        ValueError: Images are truncated, unreadable or too large to load; likewise.
    """
    return read_headers(paths, backend_args)[0]


def check_images(
    paths: Sequence[str],
    loader: BaseTransform | None = None,
    decode: bool = False,
    backend_args: dict | None = None,
    headers: tuple[np.ndarray, list[ImageKind]] | None = None,
) -> np.ndarray:
    """Sizes of images, and whether the pipeline can load them.

    One image of each kind (file format, mode, bits) is loaded, so that what the decoder
    cannot read at all, such as a TIFF of floats, is found before the first iteration.

    Args:
        paths (Sequence[str]): Image files.
        loader (BaseTransform, optional): Transform that loads an image. Defaults to None,
            headers only.
        decode (bool): Load every image, which finds damage inside. Defaults to False.
        backend_args (dict, optional): mmengine file backend. Defaults to None.
        headers (tuple, optional): What :func:`read_headers` gave for them. Defaults to
            None: they are read.

    Returns:
        np.ndarray: (n, 2) int64 width and height.

    Raises:
        FileNotFoundError: As for :func:`image_sizes`.
        ValueError: Likewise; an image cannot be loaded; those of more than 8 bits come out
            in one shade.
    """
    sizes, kinds = headers or read_headers(paths, backend_args)
    if loader is None:
        return sizes
    for kind in dict.fromkeys(kinds):
        alike = [path for path, other in zip(paths, kinds) if other == kind]
        tried = alike[:1]
        if kind.bits > 8:
            tried = [alike[i] for i in _spread(len(alike), TRIED)]
        images = [_load(path, loader) for path in tried]
        for path in alike if decode else ():
            _load(path, loader)
        if kind.bits > 8:
            raw = [read_deep(fileio.get(p, backend_args=backend_args)) for p in tried]
            _check_depth(kind, alike, images, raw)
    return sizes


def _spread(total: int, number: int) -> list[int]:
    """Up to ``number`` positions spread over ``total``, each once."""
    return sorted(set(np.linspace(0, total - 1, number).astype(int).tolist()))


def _load(path: str, loader: BaseTransform) -> np.ndarray:
    try:
        with large_images():
            image = loader(dict(img_path=path))['img']
        if image is None:
            raise ValueError('there is no image in it')
    except Exception as error:  # decoders raise anything
        reason = reason_of(error, 120)
        raise ValueError(
            f'{path}: {type(loader).__name__} cannot load it ({reason}); save it as an '
            'ordinary PNG or JPEG, or take it out of the split list'
        ) from None
    return image


def _check_depth(
    kind: ImageKind, paths: Sequence[str], images: Sequence[np.ndarray], raw: list
) -> None:
    """Say what loading leaves of images with more than 8 bits.

    Raises:
        ValueError: Next to nothing.
    """
    if images[0].dtype != np.uint8:
        return  # whoever loads them so goes on with all bits
    low, high = min(int(i.min()) for i in images), max(int(i.max()) for i in images)
    found = [r for r in raw if r is not None]
    smallest = min((float(np.nanmin(r)) for r in found), default=0.0)
    largest = max((float(np.nanmax(r)) for r in found), default=1.0)
    text = (
        f'{len(paths)} images such as {paths[0]} have {kind.bits} bits a channel (values '
        f'{smallest:g} to {largest:g}) and load as {low} to {high} of 255'
    )
    remedy = (
        f"dict(type='LoadDeepImage', value_range=({smallest:g}, {largest:g})) instead of "
        'LoadImageFromFile keeps more, or percentiles=(1, 99) of each image'
    )
    if high - low < LEAST_SPREAD:
        raise ValueError(f'{text}: nothing can be seen there. {remedy}')
    warn(f'{text}; {remedy}')


def read_deep(content: bytes) -> np.ndarray | None:
    """Decode an image with all its bits, (H, W, 3) BGR upright; None when it cannot be.

    Raises:
        ValueError: Its header promises more than its content can hold.
    """
    require_credible(content)
    if content[:2] in (b'II', b'MM'):  # OpenCV 5 reads no grey TIFF of floats as colours
        with open_image(io.BytesIO(content)) as image:
            if image.mode == 'F':
                grey = np.asarray(ImageOps.exif_transpose(image))
                return np.repeat(grey[..., None], 3, axis=2)
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR
    return cv2.imdecode(np.frombuffer(content, np.uint8), flags)


def read_headers(
    paths: Sequence[str], backend_args: dict | None = None, total: int | None = None
) -> tuple[np.ndarray, list[ImageKind]]:
    """Sizes and kinds of images; see :func:`image_sizes` for the checks.

    Args:
        paths (Sequence[str]): Image files.
        backend_args (dict, optional): mmengine file backend. Defaults to None.
        total (int, optional): Number of images of the list, where these are some of them.
    """
    total = total or len(paths)
    sizes, absent, broken = np.zeros((len(paths), 2), dtype=np.int64), [], []
    kinds = []
    with large_images():
        for i, path in enumerate(paths):
            try:
                sizes[i], kind = _read_header(path, backend_args)
                kinds.append(kind)
            except FileNotFoundError:
                absent.append(path)
            except Exception as error:  # Pillow raises anything for damaged files
                reason = reason_of(error, 120).split(' <')[0]
                broken.append(f'{path} ({reason})')
    if absent:
        raise FileNotFoundError(
            f'{len(absent)} of {total} images not found: {listing(absent)}; check '
            "the split list, data_prefix['img_path'] and img_suffix"
        )
    if broken:
        raise ValueError(
            f'{len(broken)} of {total} images are truncated or unreadable: '
            f'{listing(broken)}; replace them, or take them out of folder or split list'
        )
    return sizes, kinds


def _read_header(path: str, backend_args: dict | None) -> tuple[tuple[int, int], ImageKind]:
    """Width, height and kind of one image; raises OSError when the file is damaged."""
    if backend_args is None:
        stream = open(path, 'rb')  # noqa: SIM115 closed below
    else:
        stream = io.BytesIO(fileio.get(path, backend_args=backend_args))
    with stream, Image.open(stream) as image:
        width, height = image.size
        bits = BITS.get(image.mode, 8)
        if image.format == 'TIFF':  # Pillow gives the upright size of these alone
            width, height = image.tag_v2[TIFF_WIDTH], image.tag_v2[TIFF_HEIGHT]
            bits = max(image.tag_v2.get(TIFF_BITS, (bits,)))
        if width * height > LARGEST:
            raise ValueError(
                f'{width}x{height} pixels, OpenCV loads at most {LARGEST}; cut it in tiles'
            )
        require_contents(image, stream.seek(0, io.SEEK_END))
        # The base class reads the header only; PNG's own method decodes the image.
        orientation = Image.Image.getexif(image).get(EXIF_ORIENTATION, 1)
        if image.format == 'PNG':  # Pillow calls colours of 16 bits RGB
            stream.seek(PNG_BITS)
            bits = max(bits, stream.read(1)[0])
        stream.seek(0, io.SEEK_END)
        stream.seek(max(0, stream.tell() - TAIL_BYTES))
        mark = END_MARKS.get(image.format)
        kind = ImageKind(image.format, image.mode, bits)
        if mark is None or mark not in stream.read():
            stream.seek(0)
            Image.open(stream).load()  # decides: raises when pixels are missing
    turned = orientation in (5, 6, 7, 8)
    return ((height, width) if turned else (width, height)), kind
