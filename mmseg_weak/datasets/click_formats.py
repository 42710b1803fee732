"""Read clicks and scribbles from a file or folder in any format that is registered.

The package's own files are the JSON of "What's the Point" (Bearman et al., ECCV 2016)::

    {"2008_004171": [{"x": 253.37, "y": 322.39, "cls": 16, "rank": 1}, ...], ...}

and a CSV with the header ``image,x,y,class`` and optionally ``rank``. In both, a class is
an id or a name of the data set, ids being those of the original annotation (VOC: 0 is
background); ``cls`` and ``class`` are synonyms. :mod:`mmseg_weak.datasets.formats` reads
the exports of annotation tools.
"""

import os
from collections.abc import Callable

import mmengine.fileio as fileio

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
