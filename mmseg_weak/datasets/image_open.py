"""Open images of any size, but none whose header promises what its file cannot hold."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

# Deflate, the best of the packers below, makes 1032 bytes of one, of 8 pixels each.
PIXELS_A_BYTE = 8 * 1032
BOUNDED = ('PNG', 'JPEG', 'BMP', 'GIF', 'PPM', 'TIFF')
# Blank lines cost next to nothing there.
FAX = ('group3', 'group4', 'tiff_ccitt', 'jpeg2000', 'webp')


@contextmanager
def large_images() -> Iterator[None]:
    """Open images of any size; Pillow refuses large ones as if they came from strangers."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def open_image(file: str | os.PathLike | io.BytesIO) -> Iterator[Image.Image]:
    """Open an image of any size with Pillow; its pixels are not read yet.

    Args:
        file (str | os.PathLike | io.BytesIO): Path or content.

    Yields:
        Image.Image: The image.

    Raises:
        ValueError: Its header promises more pixels than the file can hold. A damaged byte
            would take gigabytes and minutes otherwise.
        OSError: It is absent or no image.
    """
    content = isinstance(file, io.BytesIO)
    with large_images(), Image.open(file) as image:
        size = file.getbuffer().nbytes if content else os.stat(file).st_size
        require_contents(image, size)
        yield image


def require_contents(image: Image.Image, size: int) -> None:
    """Refuse an image, of which the header is read, that its file cannot hold.

    No whole file is refused: the limit is what its format packs at best.

    Args:
        image (Image.Image): As Pillow opens it.
        size (int): Bytes of its file.

    Raises:
        ValueError: The header promises more pixels.
    """
    if image.format not in BOUNDED or image.info.get('compression') in FAX:
        return
    width, height = image.size
    if width * height > size * PIXELS_A_BYTE:
        raise ValueError(
            f'its header promises {width}x{height} pixels, more than its {size} bytes can '
            'hold; the file is damaged'
        )


def require_credible(file: str | os.PathLike | bytes) -> None:
    """The same for what another library than Pillow decodes.

    Args:
        file (str | os.PathLike | bytes): Path or content.

    Raises:
        ValueError: As for :func:`require_contents`. Nothing is said of a file that is no
            local one, or none that Pillow knows: its reader says so.
    """
    if not isinstance(file, bytes) and not Path(file).is_file():
        return
    try:
        with open_image(io.BytesIO(file) if isinstance(file, bytes) else file):
            return
    except ValueError as error:
        if 'header promises' in str(error):
            raise
    except Exception:  # Pillow raises anything
        return
