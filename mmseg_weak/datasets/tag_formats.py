"""Read files of image tags: JSON and three layouts of CSV, every entry checked.

JSON is ``{"image id": ["cat", "person"], ...}``. CSV has one of the headers

- ``image,tags``: tags of an image in one cell, separated by ``;`` or ``|``;
- ``image,tag``: one tag a line, images repeat;
- ``image,cat,dog,...``: one column for each class, holding 0 or 1.

A tag is a class name or an id of the original annotation (VOC: 1 aeroplane).
"""

import csv
import io
import re
from collections.abc import Callable, Iterator

import mmengine.fileio as fileio

from .json_objects import parse_json_object

ONE_TAG = ('tag', 'class')
MANY_TAGS = ('tags', 'classes')
Tags = dict[str, set[int]]


def read_tag_file(
    path: str, resolve: Callable[[object], int], backend_args: dict | None = None
) -> Tags:
    """Read one file of tags.

    Args:
        path (str): JSON or CSV file, told apart by content.
        resolve (Callable): Maps a tag to its class id, see
            :class:`~mmseg_weak.datasets.click_formats.ClassResolver`.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        dict[str, set[int]]: Class ids of each image that the file names, in file order;
        empty where it names the image without a tag.

    Raises:
        FileNotFoundError: ``path`` does not exist.
        ValueError: Not JSON or CSV, or an entry is malformed or unknown. The message names
            the file, the image and the entry.
    """
    if not fileio.isfile(path, backend_args=backend_args):
        raise FileNotFoundError(f'tag file not found: {path}')
    try:
        text = fileio.get(path, backend_args=backend_args).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: neither JSON nor CSV ({error})') from None
    entries = _json_entries if text.lstrip()[:1] in ('{', '[') else _csv_entries
    tags: Tags = {}
    for image, where, values in entries(path, text):
        found = tags.setdefault(image, set())
        for value in values:
            try:
                found.add(resolve(value))
            except ValueError as error:
                raise ValueError(f'{path}: image {image!r}, {where}: {error}') from None
    return tags


def _json_entries(path: str, text: str) -> Iterator[tuple[str, str, list]]:
    """Yield ``(image id, position, tags)``."""
    content = parse_json_object(path, text, '{image id: [tags]}')
    for image, values in content.items():
        if not isinstance(values, list) or any(isinstance(v, (list, dict)) for v in values):
            raise ValueError(
                f'{path}: image {image!r}: expected a list of class names or ids, got '
                f'{str(values)[:60]!r} (a file of clicks is given as click_file)'
            )
        yield image, 'tags', values


def _csv_entries(path: str, text: str) -> Iterator[tuple[str, str, list]]:
    """Yield ``(image id, line, tags)``."""
    reader = csv.reader(io.StringIO(text, newline=''), skipinitialspace=True)
    header = [name.strip() for name in next(reader, [])]
    if len(header) < 2 or header[0] != 'image':
        raise ValueError(
            f'{path}: neither JSON nor a CSV with the header image,tags or image,tag or '
            f'image,<class>,<class>,...; its first line is {",".join(header)[:80]!r}'
        )
    columns = header[1:]
    for row in reader:
        where = f'line {reader.line_num}'
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if not cells[0]:
            raise ValueError(f'{path}: {where}: no image id')
        if len(cells) != len(header):
            raise ValueError(
                f'{path}: image {cells[0]!r}, {where}: {len(cells)} values for '
                f'{len(header)} columns'
            )
        try:
            yield cells[0], where, _csv_tags(columns, cells[1:])
        except ValueError as error:
            raise ValueError(f'{path}: image {cells[0]!r}, {where}: {error}') from None


def _csv_tags(columns: list[str], cells: list[str]) -> list[str]:
    """Tags in one line of a CSV.

    Raises:
        ValueError: A cell of a class column is neither 0 nor 1.
    """
    if len(columns) == 1 and columns[0] in MANY_TAGS:
        return [tag.strip() for tag in re.split('[;|]', cells[0]) if tag.strip()]
    if len(columns) == 1 and columns[0] in ONE_TAG:
        return [cell for cell in cells if cell]
    wrong = [cell for cell in cells if cell not in ('0', '1')]
    if wrong:
        raise ValueError(f'expected 0 or 1 in a class column, got {wrong[0]!r}')
    return [name for name, cell in zip(columns, cells) if cell == '1']
