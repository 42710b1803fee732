"""The package's own tag files: JSON, and CSV in the shapes that people have."""

import re
from collections.abc import Iterator

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_json, write_table
from .collector import Collector
from .source import Source

IMAGE_COLUMNS = ('image', 'filename', 'file_name', 'file', 'image_id', 'image_name')
INDEX_COLUMNS = ('', 'index', 'unnamed: 0', '#')
ONE_TAG = ('tag', 'class', 'label')
MANY_TAGS = ('tags', 'classes', 'labels')
# How tables write that a class is there or not.
TICKED = {'1': True, '1.0': True, 'true': True, '0': False, '0.0': False, 'false': False}
NO_TAGS = frozenset(('x', 'y', 'row', 'column', 'axis-0', 'x1', 'xmin', 'region_count'))


@READERS.register_module('tags')
class TagJSON(Format):
    """``{"image id": ["cat", "person"], ...}``."""

    title = 'JSON of tags'
    holds = ('tags',)

    @staticmethod
    def sniff(source: Source) -> bool:
        """An object of lists of names or ids."""
        lists = list(source.json_object.values())
        first = next((values for values in lists if values), None)
        return isinstance(first, list) and not isinstance(first[0], (list, dict))

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """The list of every image."""
        if not isinstance(source.json, dict):
            kind = type(source.json).__name__
            raise ValueError(f'expected an object {{image id: [tags]}}, got {kind}')
        for image, values in source.json.items():
            out.where = 'tags'
            out.image(image)
            nested = isinstance(values, list) and any(
                isinstance(v, (list, dict)) for v in values
            )
            if nested or not isinstance(values, list):
                out.where = ''
                raise ValueError(
                    f'expected a list of class names or ids, got {str(values)[:60]!r} '
                    '(a file of clicks is given as click_file)'
                )
            for value in values:
                out.tag(value)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write the tags; images without one as empty lists."""
        write_json(path, annotations.tags_by_image())


@READERS.register_module('tags-csv')
class TagCSV(Format):
    """One of three headers, after an index column or not, parted by comma, ``;`` or tab.

    - ``image,tags``: tags of an image in one cell, separated by ``;`` or ``|``;
    - ``image,tag``: one tag a line, images repeat;
    - ``image,cat,dog,...``: a column for each class: 1, 1.0, True or 0, 0.0, False, empty.

    The first column may be called ``filename``, ``file`` or ``image_id`` too.
    """

    title = 'CSV of tags'
    suffixes = ('.csv',)
    holds = ('tags',)

    @staticmethod
    def sniff(source: Source) -> bool:
        """A column of images and none of coordinates."""
        header = [name.lower() for name in source.header]
        return _image_column(header) is not None and not NO_TAGS & set(header)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line."""
        header = source.header
        at = _image_column([name.lower() for name in header])
        if at is None:
            raise ValueError(
                'neither JSON nor a CSV with the header image,tags or image,tag or '
                f'image,<class>,<class>,...; its first line is {source.first_line[:80]!r}'
            )
        while not header[-1]:  # spreadsheets write columns that were emptied
            header = header[:-1]
        columns, lines = header[at + 1 :], source.rows()
        next(lines)
        for where, cells in lines:
            out.name, out.where = '', where
            out.image(cells[at] if len(cells) > at else '')
            if len(cells) < len(header) or any(cells[len(header) :]):
                raise ValueError(f'{len(cells)} values for {len(header)} columns')
            for tag in _tags(columns, cells[at + 1 : len(header)]):
                out.tag(tag)
                if ',' in tag and columns[0].lower() in MANY_TAGS:
                    out.note(f'{tag!r} is read as one tag: several are parted by ; or |')

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write ``image,tags``."""
        tags = annotations.tags_by_image().items()
        write_table(path, ('image', 'tags'), ((i, ';'.join(found)) for i, found in tags))


def _image_column(header: list[str]) -> int | None:
    """Position of the image column, behind an index or first; None if there is none."""
    at = int(len(header) > 1 and header[0] in INDEX_COLUMNS)
    found = len(header) > at + 1 and header[at] in IMAGE_COLUMNS
    return at if found else None


def _tags(columns: list[str], cells: list[str]) -> Iterator[str]:
    """Tags in one line.

    Raises:
        ValueError: A cell of a class column is neither ticked nor not.
    """
    if len(columns) == 1 and columns[0].lower() in MANY_TAGS:
        yield from (tag.strip() for tag in re.split('[;|]', cells[0]) if tag.strip())
    elif len(columns) == 1 and columns[0].lower() in ONE_TAG:
        yield from filter(None, cells)
    else:
        for name, cell in zip(columns, cells):
            ticked = TICKED.get(cell.lower()) if cell else False
            if ticked is None:
                raise ValueError(
                    'expected 0 or 1 in a class column (True, False and empty cells pass '
                    f'too), got {cell!r} for {name!r}'
                )
            if ticked:
                yield name
