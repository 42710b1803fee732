"""The package's own click files: the JSON of "What's the Point" and a plain CSV."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_json, write_table
from .collector import Collector, as_points, finite, from_text
from .source import Source, as_text
from .tag_tables import IMAGE_COLUMNS

CLASS_KEYS = ('cls', 'class')
# Of a table without a column of these names.
CLASS_ALIAS = 'label'
ENTRY_KEYS = {'x', 'y', 'rank', 'no', *CLASS_KEYS}
LINE_KEYS = {'points', 'rank', 'no', *CLASS_KEYS}
NUMBERS = {'x', 'y', 'rank', 'no'}
FOREIGN = 'docs/formats.md lists the formats of tools that are read'


@READERS.register_module('clicks')
class WhatsThePointJSON(Format):
    """``{"image id": [{"x": 1, "y": 2, "cls": 3, "rank": 1}, ...], ...}``.

    ``"points": [[x, y], ...]`` in the place of ``x`` and ``y`` makes it a scribble,
    ``"no": true`` a mark that says "not this class".
    """

    title = "What's the Point JSON"
    holds = ('points', 'lines', 'no')

    @staticmethod
    def sniff(source: Source) -> bool:
        """An object of lists whose first entry has ``x`` and ``y``, or is a scribble."""
        content = source.json_object
        first = next((c for c in content.values() if c), None)
        entry = first[0] if isinstance(first, list) else None
        if not isinstance(entry, dict):
            return False
        return {'x', 'y'} <= set(entry) or {'points'} < set(entry) <= LINE_KEYS

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every entry of every image."""
        if not isinstance(source.json, dict):
            kind = type(source.json).__name__
            raise ValueError(
                f'expected an object {{image id: [clicks]}}, got {kind}; {FOREIGN}'
            )
        unused = set()
        classes = CLASS_KEYS if options.class_key is None else (options.class_key,)
        for image, clicks in source.json.items():
            out.where = ''
            out.image(image)
            if not isinstance(clicks, list):
                raise ValueError(
                    f'expected a list of clicks, got {type(clicks).__name__}; {FOREIGN}'
                )
            for position, entry in enumerate(clicks):
                out.where = f'entry {position}'
                if not isinstance(entry, dict):
                    raise ValueError(f'expected {{"x", "y", "cls"}}, got {entry!r}')
                keys = LINE_KEYS if 'points' in entry else ENTRY_KEYS
                unused |= set(entry) - (keys - set(CLASS_KEYS)) - set(classes)
                value = class_of(entry, classes, options)
                take_entry(entry, value, out, entry.get('points'))
        if unused:
            out.note(f'keys not used: {", ".join(sorted(unused))}')

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write the clicks; images without one stay as empty lists."""
        content: dict[str, list] = {image: [] for image in annotations.clicks.images}
        for mark in annotations.marks('points', 'lines', 'no'):
            line = len(mark.points) > 1
            entry = dict(points=mark.points) if line else dict(x=mark.x, y=mark.y)
            entry.update(cls=mark.label)
            entry.update({'rank': mark.rank} if mark.rank else {})
            entry.update({'no': True} if mark.negative else {})
            content[mark.image].append(entry)
        write_json(path, content)


@READERS.register_module('clicks-csv')
class ClickCSV(Format):
    """Header ``image,x,y,class`` and optionally ``rank`` and ``no`` (1: not this class).

    The column of the image may be called as in tag files (``filename`` …), that of the
    class ``cls``, ``label`` or as the option ``class_key`` says.
    """

    title = 'CSV of clicks'
    suffixes = ('.csv',)
    holds = ('points', 'no')
    by_line = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """Columns of images and of positions."""
        header = set(source.header)
        return {'x', 'y'} <= header and not header.isdisjoint(IMAGE_COLUMNS)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line."""
        header = source.header
        if not {'x', 'y'} <= set(header):
            raise ValueError(
                'neither JSON nor a CSV with the header image,x,y,class[,rank]; its first '
                f'line is {source.first_line[:80]!r}; {FOREIGN}'
            )
        name, classes = _image_column(source), _class_columns(header, options)
        for where, entry in _entries(source, header):
            out.name, out.where = '', where
            image = entry.pop(name, '')
            if not image:
                raise ValueError('no image id')
            out.image(image)
            if None in entry:
                raise ValueError(f'more than {len(header)} values')
            for key in NUMBERS & set(entry):
                entry[key] = from_text(entry[key], key)
            take_entry(entry, class_of(entry, classes, options), out)
        _note_unused(header, (name, *classes), out)

    @staticmethod
    def read_columns(
        columns: dict[str, tuple[str, ...]],
        first: int,
        out: Collector,
        options: ReadOptions,
    ) -> bool:
        """Lines whose cells are all as they should be."""
        image = [name for name in IMAGE_COLUMNS if name in columns]
        key = _class_columns(list(columns), options)
        if len(image) != 1 or len(key) != 1 or not {'x', 'y'} <= set(columns):
            return False
        names = [name.strip() for name in columns[image[0]]]
        points = as_points(columns['x'], columns['y'])
        rank = [cell.strip() or '0' for cell in columns.get('rank', ())]
        negative = [cell.strip() or '0' for cell in columns.get('no', ())]
        if '' in names or points is None or not set(negative) <= {'0', '1'}:
            return False
        if not all(cell.isdecimal() and len(cell) < 10 for cell in set(rank)):
            return False
        if any(cell.strip() == '0' for cell in columns.get('rank', ())):
            return False
        out.rows(
            names,
            points,
            [cell.strip() or options.class_name for cell in columns[key[0]]],
            rank=np.array(rank or np.zeros(len(names)), dtype=np.int64),
            negative=np.array(negative or np.zeros(len(names)), dtype=np.int64) > 0,
            lines=range(first, first + len(names)),
        )
        _note_unused(list(columns), (*image, *key), out)
        return True

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write the clicks; images without one are not named."""
        marks = annotations.marks('points', 'no')
        rows = ((m.image, m.x, m.y, m.label, m.rank or '', int(m.negative)) for m in marks)
        write_table(path, ('image', 'x', 'y', 'class', 'rank', 'no'), rows)


def _image_column(source: Source) -> str:
    """The column that names images.

    Raises:
        ValueError: There is none, or several and none is called ``image``.
    """
    found = [name for name in IMAGE_COLUMNS if name in source.header]
    if not found:
        raise ValueError(
            f'no column of images in the first line, {source.first_line[:80]!r}: call it '
            f'image (or {", ".join(IMAGE_COLUMNS[1:])})'
        )
    if len(found) > 1 and found[0] != 'image':
        raise ValueError(f'images are named by {" and ".join(found)}: call one image')
    return found[0]


def _class_columns(header: Sequence[str], options: ReadOptions) -> tuple[str, ...]:
    """The columns that name classes; of several the first one filled counts.

    Raises:
        ValueError: There is no ``class_key``.
    """
    if options.class_key is not None:
        if options.class_key not in header:
            raise ValueError(
                f'no column {options.class_key!r} (class_key), there are '
                f'{", ".join(header)}'
            )
        return (options.class_key,)
    found = tuple(key for key in CLASS_KEYS if key in header)
    return found or tuple(key for key in (CLASS_ALIAS,) if key in header)


def _note_unused(header: list[str], used: tuple[str, ...], out: Collector) -> None:
    """Name the columns that nothing was read from; ``used`` are image and class."""
    unused = [name for name in header if name and name not in {*NUMBERS, *used}]
    if unused:
        remedy = ' (that of the class is to be called class, cls or label)'
        remedy = remedy if len(used) == 1 else ''
        out.note(f'columns not used: {", ".join(unused)}{remedy}')


def _entries(source: Source, header: list[str]) -> Iterator[tuple[str, dict]]:
    """Place and filled cells of each line; cells too many stand under None."""
    lines = source.rows()
    next(lines)
    for where, cells in lines:
        entry = {key: cell for key, cell in zip(header, cells) if cell}
        if any(cells[len(header) :]):
            entry[None] = cells[len(header) :]
        yield where, entry


def class_of(entry: dict, keys: Sequence[str], options: ReadOptions) -> object:
    """Class entry of a click, that of marks without one, or None."""
    return next((entry[key] for key in keys if key in entry), options.class_name)


def take_entry(
    entry: dict, value: object, out: Collector, line: list | None = None
) -> None:
    """Check one click, or scribble through the points of ``line``, and hand it on.

    Its class is ``value``.

    Raises:
        ValueError: A key is absent or its value is none that it can have.
    """
    for key in () if line is not None else ('x', 'y'):
        if key not in entry:
            raise ValueError(f'no {key!r} in {as_text(entry)}')
    rank, negative = entry.get('rank'), entry.get('no', False)
    number = 0.0 if rank is None else _rank(rank)
    if negative not in (True, False):
        raise ValueError(f'"no" must be true or false, got {negative!r}')
    if line is None:
        out.click(entry['x'], entry['y'], value, int(number), bool(negative))
    elif isinstance(line, list) and all(isinstance(p, list) and len(p) == 2 for p in line):
        out.line(line, value, int(number), bool(negative))
    else:
        raise ValueError(f'points of a scribble must be [[x, y], ...], got {as_text(line)}')


def _rank(rank: object) -> float:
    try:
        number = finite(rank, 'rank')
    except ValueError:
        number = 0.0
    if number < 1 or not number.is_integer() or number >= 2**31:
        raise ValueError(f'rank must be a whole number from 1, got {rank!r}')
    return number
