"""Collect what a reader finds, checked entry by entry, into the internal tables."""

import math
import posixpath
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..click_table import KNOWS_ALL, ClickTable, TagTable
from ..image_files import printable
from .annotations import Annotations


def finite(value: object, name: str) -> float:
    """A finite number.

    Raises:
        ValueError: It is none: text, a boolean, NaN, infinite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f'{name} must be a number, got {value!r}')
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f'{name} must be finite, got {number}')
    return number


def from_text(cell: str, name: str) -> float:
    """The finite number in a cell of a table or an attribute of XML.

    Raises:
        ValueError: It is none.
    """
    try:
        return finite(float(cell), name)
    except ValueError:
        if cell.lower().lstrip('+-') in ('nan', 'inf', 'infinity'):
            raise ValueError(f'{name} must be finite, got {cell}') from None
        hint = ' (a decimal point is needed)' if ',' in cell else ''
        raise ValueError(f'{name} must be a number, got {cell!r}{hint}') from None


def as_points(x: Sequence[str], y: Sequence[str]) -> np.ndarray | None:
    """(n, 2) finite numbers in the cells of two columns, None where one is none."""
    try:
        points = np.array([list(map(float, x)), list(map(float, y))]).T
    except ValueError:
        return None
    return points if np.isfinite(points).all() else None


class Collector:
    """The table under construction.

    Readers call :meth:`image`, set ``where`` to the entry they are at, and hand over what
    they find. Coordinates are checked here, once for all formats.
    """

    def __init__(self) -> None:
        self.where = ''
        self.name = ''
        self.sizes: dict[str, tuple[int, int]] = {}
        self.left_out: Counter = Counter()
        self.notes: dict[str, None] = {}
        self.vocabulary: dict[str, None] = {}
        self._raw: dict[str, str] = {}  # id of an image to how the file writes it
        self._codes: dict[str, int] = {}
        self._index = -1
        self._classes: dict[tuple, int] = {}
        self._first: list[str] = []
        self._marks, self._tags = array('q'), array('q')
        self._points, self._start = array('d'), array('q', [0])

    def image(self, name: object, size: Sequence | None = None, once: bool = False) -> None:
        """Go to an image.

        Args:
            name (str): As the file writes it; separators of Windows and leading ``./`` and
                ``../`` are made plain.
            size (Sequence, optional): Width and height.
            once (bool): The format writes one entry for each image. Defaults to False.

        Raises:
            ValueError: There is no name, or two images have the same id.
        """
        if not isinstance(name, str) or not name.strip().strip('./\\'):
            raise ValueError(f'no image id, got {name!r}')
        if not printable(name):
            raise ValueError(f'{name!r} holds a character that no image id has')
        raw = name.strip()
        known = self._raw.get(raw)
        if known is None or once:
            known = plain_name(raw)
            if known in self._codes and (once or self._raw.get(raw) is None):
                raise ValueError(
                    f'two images are called {known!r}; rename one, or read them from '
                    'files of their own'
                )
            self._raw[raw] = known
            self._codes[known] = len(self._codes)
        self.name, self._index = known, self._codes[known]
        if size is not None:
            self.size(*size)

    def size(self, width: object, height: object) -> None:
        """Width and height of the image at hand.

        Raises:
            ValueError: Not whole numbers from 1 to 2³¹.
        """
        pair = tuple(finite(side, 'image size') for side in (width, height))
        if not all(side.is_integer() and 1 <= side < 2**31 for side in pair):
            raise ValueError(f'image size must be whole numbers from 1, got {pair}')
        self.sizes[self.name] = (int(pair[0]), int(pair[1]))

    def place(self) -> str:
        """Image and entry at hand, for messages."""
        image = f'image {self.name!r}' if self.name else ''
        return ', '.join(part for part in (image, self.where) if part)

    def click(
        self, x: object, y: object, label: object, rank: int = 0, negative: bool = False
    ) -> None:
        """Take a click at column ``x`` and row ``y``, or one that says "not this class".

        Raises:
            ValueError: A coordinate is no finite number, or the class is a list.
        """
        code = self._class(label)
        self._points.extend((finite(x, 'x'), finite(y, 'y')))
        self._end_mark(code, rank, negative)

    def line(
        self,
        points: Sequence[Sequence],
        label: object,
        rank: int = 0,
        negative: bool = False,
    ) -> None:
        """Take a scribble through ``(x, y)`` corners; those in one place are one click.

        Raises:
            ValueError: No point, a coordinate is no finite number, or the class is a list.
        """
        corners = [(finite(x, 'x'), finite(y, 'y')) for x, y in points]
        if not corners:
            raise ValueError('a line without points')
        for x, y in corners if len(set(corners)) > 1 else corners[:1]:
            self._points.extend((x, y))
        self._end_mark(self._class(label), rank, negative)

    def tag(self, label: object, present: bool = True) -> None:
        """Take a tag of the image, or the statement that a class is absent."""
        self._tags.extend((self._index, self._class(label), present))

    def image_rows(self, images: Sequence[str], lines: Sequence[int]) -> None:
        """Go to the images of many lines, each at its first one.

        Raises:
            ValueError: Two images have the same id.
        """
        for name, line in zip(images, lines):
            if name not in self._raw:
                self.where = f'line {line}'
                self.image(name)

    def rows(
        self,
        images: Sequence[str],
        points: np.ndarray,
        labels: Sequence,
        rank: np.ndarray,
        negative: np.ndarray,
        lines: Sequence[int],
    ) -> None:
        """Take many clicks at once, already checked.

        Args:
            images (Sequence[str]): (n,) image of each, as the file writes it.
            points (np.ndarray): (n, 2) finite columns and rows.
            labels (Sequence): (n,) class entries, text or None.
            rank (np.ndarray): (n,) int64.
            negative (np.ndarray): (n,) bool.
            lines (Sequence[int]): (n,) line of each in the file, for messages.

        Raises:
            ValueError: Two images have the same id.
        """
        codes, classes = dict.fromkeys(images), {}
        if not all(name in self._raw for name in codes):
            self.image_rows(images, lines)
        codes = {name: self._codes[self._raw[name]] for name in codes}
        for name in dict.fromkeys(labels):
            if (type(name), name) not in self._classes:
                row = labels.index(name)
                self.image(images[row])
                self.where = f'line {lines[row]}'
            classes[name] = self._class(name)
        marks = np.empty((len(labels), 4), dtype=np.int64)
        marks[:, 0] = np.fromiter(map(codes.__getitem__, images), np.int64, len(images))
        marks[:, 1] = np.fromiter(map(classes.__getitem__, labels), np.int64, len(labels))
        marks[:, 2], marks[:, 3] = rank, negative
        start = len(self._points) // 2 + 1 + np.arange(len(labels), dtype=np.int64)
        self._marks.frombytes(marks.tobytes())
        self._points.frombytes(np.ascontiguousarray(points, np.float64).tobytes())
        self._start.frombytes(start.tobytes())

    def table(self, marks: ClickTable, classes: Sequence, first: Sequence[str]) -> None:
        """Take a whole table, already checked; marks without points are tags.

        Args:
            marks (ClickTable): ``label`` is a position in ``classes``.
            classes (Sequence): Class entries.
            first (Sequence[str]): Where each was met first.

        Raises:
            ValueError: Two images have the same id.
        """
        image = np.zeros(len(marks.images), dtype=np.int64)
        for i, name in enumerate(marks.images):
            self.image(name)
            image[i] = self._index
        codes = np.zeros(len(classes), dtype=np.int64)
        for i, (label, place) in enumerate(zip(classes, first)):
            codes[i] = self._class(label)
            self._first[codes[i]] = place
        tag = np.diff(marks.start) == 0
        rows = np.stack([image[marks.image_index], codes[marks.label]], axis=1)
        tags = np.column_stack([rows, ~marks.negative])[tag]
        rows = np.column_stack([rows, marks.rank, marks.negative])[~tag]
        start = len(self._points) // 2 + marks.start[1:][~tag]
        for column, values in (
            (self._tags, tags),
            (self._marks, rows),
            (self._start, start),
        ):
            column.frombytes(np.ascontiguousarray(values, np.int64).tobytes())
        self._points.frombytes(np.ascontiguousarray(marks.points, np.float64).tobytes())

    def leave_out(self, reason: str, label: object = '', number: int = 1) -> None:
        """Count entries that are not taken."""
        self.left_out[reason, '' if label is None else str(label)] += number

    def note(self, text: str) -> None:
        """Tell the user something, once."""
        self.notes[text] = None

    def note_unused(self, names: Iterable[str], used: Iterable[str]) -> None:
        """Name the columns or keys that nothing was read from."""
        unused = [name for name in names if name and name not in used]
        if unused:
            self.note(f'not used: {", ".join(unused)}')

    def _end_mark(self, code: int, rank: int, negative: bool) -> None:
        self._start.append(len(self._points) // 2)
        self._marks.extend((self._index, code, rank, negative))

    def _class(self, label: object) -> int:
        label = label.strip() if isinstance(label, str) else label
        if isinstance(label, (list, dict)) or label == '':
            raise ValueError(f'unknown class {label!r}' if label else 'no class')
        key = (type(label), label)  # True and 1.0 equal 1, and are no ids
        code = self._classes.setdefault(key, len(self._classes))
        if code == len(self._first):
            self._first.append(self.place())
        return code

    def finish(self, path: str, name: str) -> Annotations:
        """The tables of all that was taken from ``path`` in the format called ``name``."""
        marks = np.array(self._marks, dtype=np.int64).reshape(-1, 4)
        tags = np.array(self._tags, dtype=np.int64).reshape(-1, 3)
        images = tuple(self._codes)
        clicks = ClickTable(
            images=images,
            image_index=marks[:, 0].astype(np.int32),
            points=np.array(self._points, dtype=np.float64).reshape(-1, 2),
            start=np.array(self._start, dtype=np.int64),
            label=marks[:, 1].copy(),
            rank=marks[:, 2].copy(),
            negative=marks[:, 3].astype(bool),
            vocabulary=np.full(len(images), KNOWS_ALL, dtype=np.int32),
        )
        return Annotations(
            path=path,
            format=name,
            clicks=clicks,
            tags=TagTable(images, tags[:, 0].astype(np.int32), tags[:, 1], tags[:, 2] > 0),
            classes=tuple(value for _, value in self._classes),
            first=tuple(self._first),
            sizes=dict(self.sizes),
            left_out=self.left_out,
            notes=list(self.notes),
            vocabulary=tuple(self.vocabulary) or None,
        )


def plain_name(name: str) -> str:
    """A file name with ``/`` between folders and without ``./`` and ``../`` in front."""
    name = posixpath.normpath(name.replace('\\', '/'))
    while name.startswith('../'):
        name = name[3:]
    return name
