"""Read clicks and scribbles from a file or folder in any format that is registered.

The package's own files are the JSON of "What's the Point" (Bearman et al., ECCV 2016)::

    {"2008_004171": [{"x": 253.37, "y": 322.39, "cls": 16, "rank": 1}, ...], ...}

and a CSV with the header ``image,x,y,class`` and optionally ``rank``. In both, a class is
an id or a name of the data set, ids being those of the original annotation (VOC: 0 is
background); ``cls`` and ``class`` are synonyms. :mod:`mmseg_weak.datasets.formats` reads
the exports of annotation tools.
"""

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import mmengine.fileio as fileio

from .._files import replace_file
from .click_table import ClickTable
from .formats import ReadOptions, read_annotations


def read_clicks(
    path: str | os.PathLike,
    resolve: Callable[[object], int],
    only_class: int | None = None,
    backend_args: dict | None = None,
    format: str | None = None,
    options: ReadOptions | None = None,
) -> ClickTable:
    """Read the clicks and scribbles of one file or folder.

    Args:
        path (str | os.PathLike): File or folder, its format told by its content.
        resolve (Callable): Maps a class entry to its id, see :class:`ClassResolver`.
        only_class (int, optional): The file holds clicks of this class alone (a
            background file): entries without a class get it, others are refused.
        backend_args (dict, optional): mmengine file backend. Defaults to None.
        format (str, optional): Name of the format, by content without.
        options (ReadOptions, optional): Which attribute is the class, and the like.

    Returns:
        ClickTable: All entries in file order.

    Raises:
        FileNotFoundError: ``path`` does not exist.
        ValueError: No format fits, there is no click but there are tags, or an entry is
            malformed. The message names the file, the image and the entry.
    """
    path = os.fspath(path)
    if not (os.path.isdir(path) or fileio.isfile(path, backend_args=backend_args)):
        raise FileNotFoundError(f'click file not found: {path}')
    found = read_annotations(path, format, options, 'clicks', backend_args)
    if not len(found.clicks) and len(found.tags):
        raise ValueError(f'{path}: holds tags and no click; give it as tag_file')
    return found.click_table(resolve, only_class)


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
