"""Read clicks and scribbles from a file or folder in any format that is registered.

The package's own files are the JSON of "What's the Point" (Bearman et al., ECCV 2016)::

    {"2008_004171": [{"x": 253.37, "y": 322.39, "cls": 16, "rank": 1}, ...], ...}

and a CSV with the header ``image,x,y,class`` and optionally ``rank``. In both, a class is
an id or a name of the data set, ids being those of the original annotation (VOC: 0 is
background); ``cls`` and ``class`` are synonyms. :mod:`mmseg_weak.datasets.formats` reads
the exports of annotation tools.
"""

import difflib
import os
import unicodedata
from collections.abc import Callable, Sequence

import mmengine.fileio as fileio

from .click_table import ClickTable
from .formats import ReadOptions, read_annotations

__all__ = ['ClassResolver', 'ClickTable', 'as_integer', 'read_clicks']


class ClassResolver:
    """Turn the class entry of a click, an id or a name, into the id.

    Args:
        classes (Sequence[str]): Class names; the id of a class is its position.
        first_id (int): Id of ``classes[0]``: 1 for data sets with
            ``reduce_zero_label``, whose id 0 means "ignore". Defaults to 0.
    """

    def __init__(self, classes: Sequence[str], first_id: int = 0) -> None:
        self.ids = {name: i + first_id for i, name in enumerate(classes)}
        self.num_ids = len(classes) + first_id

    def __call__(self, value: object) -> int:
        """Resolve one entry.

        Raises:
            ValueError: The name or id does not exist; the message says what does.
        """
        if isinstance(value, str) and value.strip() in self.ids:
            return self.ids[value.strip()]
        number = as_integer(value)
        if number is not None:
            if 0 <= number < self.num_ids:
                return number
            hint = '; are ids counted from 1?' if number == self.num_ids else ''
            raise ValueError(
                f'unknown class id {number}, the data set has 0 to {self.num_ids - 1}{hint}'
            )
        raise ValueError(
            f'unknown class {value!r}{self._hint(str(value))} '
            f'(classes: {", ".join(self.ids)})'
        )

    def _hint(self, value: str) -> str:
        """What an unknown name may be meant for."""
        plain = {unicodedata.normalize('NFC', name): name for name in self.ids}
        same = plain.get(unicodedata.normalize('NFC', value.strip()))
        if same is not None:
            return f', {same!r} in another Unicode form (NFC and NFD); write them alike'
        close = difflib.get_close_matches(value, list(self.ids), n=1)
        return f', did you mean {close[0]!r}?' if close else ''


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


def as_integer(value: object) -> int | None:
    """The whole number that ``value`` (int, float or text) stands for, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None
