"""Label maps of scribbles, one PNG an image, such as VOC's scribbles."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from ...constants import IGNORE_INDEX
from ...registry import READERS
from .base import Format, ReadOptions
from .brush import brush_lines
from .collector import Collector
from .source import Source

PNG_MARK = b'\x89PNG\r\n\x1a\n'


@READERS.register_module('scribble-png')
class ScribblePNG(Format):
    """Pixel values are class ids, 255 where nothing is drawn. Runs in rows are lines.

    A folder of PNGs may hold anything, so the format has to be named.
    """

    title = 'PNG of scribbles'
    suffixes = ('.png',)
    holds = ('points', 'lines')
    per_image = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """Its first bytes."""
        return source.first_bytes().startswith(PNG_MARK)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every run of pixels."""
        try:
            with Image.open(io.BytesIO(source.data)) as image:
                if image.mode not in ('P', 'L'):
                    raise ValueError(f'pixels are {image.mode}, not class ids (P or L)')
                labels = np.asarray(image)
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            reason = str(error).split(' <')[0]
            raise ValueError(f'truncated or no PNG ({reason})') from None
        out.image(source.image_name, labels.shape[::-1], once=True)
        for label in np.unique(labels[labels != IGNORE_INDEX]).tolist():
            for line in brush_lines(labels == label):
                out.line(line, label)
