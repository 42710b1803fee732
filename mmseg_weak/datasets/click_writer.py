"""Write clicks in the formats that :mod:`mmseg_weak.datasets.click_formats` reads."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from .._files import replace_file

CSV_HEADER = ('image', 'x', 'y', 'class', 'rank')


def write_clicks(path: str | os.PathLike, clicks: Mapping[str, Sequence[dict]]) -> None:
    """Write a What's-the-Point JSON, or a CSV when the name ends with ``.csv``.

    The file is replaced as a whole; the same clicks give the same bytes.

    Args:
        path (str | os.PathLike): File ending with ``.json`` or ``.csv``.
        clicks (Mapping[str, Sequence[dict]]): Image id to its clicks, each with ``x``,
            ``y`` (pixels), ``cls`` and optionally ``rank``. A CSV drops images without
            clicks.

    Raises:
        ValueError: Another ending, or the folder cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ('.json', '.csv'):
        raise ValueError(f'{path}: a click file ends with .json or .csv')
    with replace_file(path) as temporary, open(temporary, 'w', newline='') as file:
        if suffix == '.json':
            json.dump(clicks, file, indent=None, separators=(', ', ': '))
        else:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(CSV_HEADER)
            for image, entries in clicks.items():
                for e in entries:
                    writer.writerow((image, e['x'], e['y'], e['cls'], e.get('rank', '')))
