"""Read click files: What's-the-Point JSON and CSV, every entry checked.

JSON is the layout of "What's the Point" (Bearman et al., ECCV 2016)::

    {"2008_004171": [{"x": 253.37, "y": 322.39, "cls": 16, "rank": 1}, ...], ...}

CSV has the header ``image,x,y,class`` and optionally ``rank``. In both, a class is an
id or a name of the data set, ids being those of the original annotation (VOC: 0 is
background); ``cls`` and ``class`` are synonyms.
"""

import csv
import difflib
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import mmengine.fileio as fileio
import numpy as np

from .json_objects import parse_json_object

CLASS_KEYS = ('cls', 'class')


@dataclass
class ClickTable:
    """Clicks of many images, one row per click.

    Attributes:
        image (np.ndarray): (n,) image id of each click, dtype object (str).
        xy (np.ndarray): (n, 2) float32 column and row, in pixels.
        label (np.ndarray): (n,) int64 class ids as in the file.
        rank (np.ndarray): (n,) int64 ``rank`` of the annotator's click, 0 when the
            file gives none.
    """

    image: np.ndarray
    xy: np.ndarray
    label: np.ndarray
    rank: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def select(self, index: np.ndarray) -> 'ClickTable':
        """Rows picked by a boolean mask or an index array."""
        return ClickTable(*(getattr(self, f.name)[index] for f in fields(self)))

    @classmethod
    def from_rows(cls, rows: Sequence[tuple]) -> 'ClickTable':
        """Build a table from ``(image, x, y, label, rank)`` tuples."""
        image, x, y, label, rank = zip(*rows) if rows else ((),) * 5
        return cls(
            image=np.array(image, dtype=object),
            xy=np.array([x, y], dtype=np.float32).reshape(2, -1).T.copy(),
            label=np.array(label, dtype=np.int64),
            rank=np.array(rank, dtype=np.int64),
        )

    @classmethod
    def concatenate(cls, tables: Sequence['ClickTable']) -> 'ClickTable':
        """Rows of all tables, in order."""
        columns = (
            np.concatenate([getattr(table, f.name) for table in tables])
            for f in fields(cls)
        )
        return cls(*columns)


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
            raise ValueError(
                f'unknown class id {number}, the data set has 0 to {self.num_ids - 1}'
            )
        close = difflib.get_close_matches(str(value), list(self.ids), n=1)
        hint = f', did you mean {close[0]!r}?' if close else ''
        raise ValueError(f'unknown class {value!r}{hint} (classes: {", ".join(self.ids)})')


def read_clicks(
    path: str,
    resolve: Callable[[object], int],
    only_class: int | None = None,
    backend_args: dict | None = None,
) -> ClickTable:
    """Read one click file.

    Args:
        path (str): JSON or CSV file, told apart by content.
        resolve (Callable): Maps a class entry to its id, see :class:`ClassResolver`.
        only_class (int, optional): The file holds clicks of this class alone (a
            background file): entries without a class get it, others are refused.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        ClickTable: All entries in file order.

    Raises:
        FileNotFoundError: ``path`` does not exist.
        ValueError: Not JSON or CSV, or an entry is malformed. The message names the
            file, the image and the entry.
    """
    if not fileio.isfile(path, backend_args=backend_args):
        raise FileNotFoundError(f'click file not found: {path}')
    try:
        text = fileio.get(path, backend_args=backend_args).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: neither JSON nor CSV ({error})') from None
    entries = _json_entries if text.lstrip()[:1] in ('{', '[') else _csv_entries
    rows = []
    for image, where, entry in entries(path, text):
        try:
            rows.append((image, *_parse_entry(entry, resolve, only_class)))
        except ValueError as error:
            raise ValueError(f'{path}: image {image!r}, {where}: {error}') from None
    return ClickTable.from_rows(rows)


def _json_entries(path: str, text: str):
    """Yield ``(image id, position, entry)`` of a What's-the-Point JSON."""
    content = parse_json_object(path, text, '{image id: [clicks]}')
    for image, clicks in content.items():
        if not isinstance(clicks, list):
            raise ValueError(
                f'{path}: image {image!r}: expected a list of clicks, '
                f'got {type(clicks).__name__}'
            )
        for position, entry in enumerate(clicks):
            if not isinstance(entry, dict):
                raise ValueError(
                    f'{path}: image {image!r}, entry {position}: expected '
                    f'{{"x", "y", "cls"}}, got {entry!r}'
                )
            yield image, f'entry {position}', entry


def _csv_entries(path: str, text: str):
    """Yield ``(image id, line, entry)`` of a CSV with numbers parsed from text."""
    reader = csv.DictReader(io.StringIO(text, newline=''), skipinitialspace=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    if not {'image', 'x', 'y'} <= set(header):
        raise ValueError(
            f'{path}: neither JSON nor a CSV with the header image,x,y,class[,rank]; '
            f'its first line is {",".join(header)[:80]!r}'
        )
    reader.fieldnames = header
    for row in reader:
        where = f'line {reader.line_num}'
        image = (row.pop('image') or '').strip()
        if not image and not any(map(_is_filled, row.values())):
            continue  # spreadsheets write rows of empty cells
        if not image:
            raise ValueError(f'{path}: {where}: no image id')
        if None in row:
            raise ValueError(
                f'{path}: image {image!r}, {where}: more than {len(header)} values'
            )
        entry = {key: value for key, value in row.items() if value not in (None, '')}
        for key in {'x', 'y', 'rank'} & set(entry):
            entry[key] = _number_from_text(entry[key])
        yield image, where, entry


def _number_from_text(text: str) -> float | str:
    """The number in a CSV cell, or the cell unchanged for the error message."""
    try:
        return float(text)
    except ValueError:
        return text


def _parse_entry(entry: dict, resolve: Callable, only_class: int | None) -> tuple:
    """Check one click and return ``(x, y, label, rank)``."""
    x, y = (_coordinate(entry, key) for key in ('x', 'y'))
    value = next((entry[key] for key in CLASS_KEYS if key in entry), None)
    if value is None and only_class is None:
        raise ValueError(f"no class ('cls' or 'class') in {entry}")
    label = only_class if value is None else resolve(value)
    if only_class is not None and label != only_class:
        raise ValueError(
            f'class {value!r} in a file of background clicks (class id {only_class})'
        )
    rank = entry.get('rank')
    number = 0 if rank is None else as_integer(rank)
    if number is None or number < 0 or (rank is not None and number < 1):
        raise ValueError(f'rank must be a whole number from 1, got {rank!r}')
    return x, y, label, number


def _coordinate(entry: dict, key: str) -> float:
    """A finite coordinate in pixels."""
    if key not in entry:
        raise ValueError(f'no {key!r} in {entry}')
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f'{key} must be a number, got {value!r}')
    try:
        number = float(value)
    except OverflowError:  # a JSON integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f'{key} must be finite, got {number}')
    return number


def as_integer(value: object) -> int | None:
    """The whole number that ``value`` (int, float or text) stands for, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None


def _is_filled(cell: str | list[str] | None) -> bool:
    """Whether a cell, or those behind the last column, hold anything."""
    return bool(''.join(cell or '').strip())
