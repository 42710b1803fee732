"""Label maps of scribbles, one PNG an image, such as VOC's scribbles."""

import io

import numpy as np

from ..._messages import reason_of
from ...constants import IGNORE_INDEX
from ...registry import READERS
from ..image_open import open_image
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
            with open_image(io.BytesIO(source.data)) as image:
                mode = image.mode
                labels = np.asarray(image) if mode in ('P', 'L') else None
        except Exception as error:  # Pillow raises anything for damaged files
            reason = reason_of(error).split(' <')[0]
            raise ValueError(f'truncated or no PNG ({reason})') from None
        if labels is None:
            raise ValueError(f'pixels are {mode}, not class ids (P or L)')
        out.image(source.image_name, labels.shape[::-1], once=True)
        for label in np.unique(labels[labels != IGNORE_INDEX]).tolist():
            for line in brush_lines(labels == label):
                out.line(line, label)
