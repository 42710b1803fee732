"""A file to read: its bytes, its text, its JSON, its XML, each decoded once and checked."""

import codecs
import csv
import io
import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePosixPath
from typing import TextIO

import mmengine.fileio as fileio

from ..json_objects import parse_json
from .xml_tree import Element, parse_xml

HEAD_BYTES = 65536
# The longest mark first: UTF-32's begins with UTF-16's.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF32_BE, 'utf-32'),
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


class Source:
    """One file of annotations.

    Args:
        path (str | os.PathLike): The file.
        backend_args (dict, optional): mmengine file backend. Defaults to None.
        name (str, optional): The file below the folder that is read, for formats that
            name no image. Defaults to its last part.

    Raises:
        ValueError: (by the attributes) It cannot be decoded or parsed; the message names
            the file and the place.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        backend_args: dict | None = None,
        name: str | None = None,
    ) -> None:
        self.lines_before = 0
        self.path = os.fspath(path)
        self.backend_args = backend_args
        self.name = PurePosixPath((name or self.path).replace('\\', '/'))
        if name is None:
            self.name = PurePosixPath(self.name.name)

    @property
    def suffix(self) -> str:
        """End of the file's name with its dot, lower case."""
        return self.name.suffix.lower()

    @property
    def image_name(self) -> str:
        """Image of a file that names none: the file's own name without its last end."""
        return str(self.name.with_suffix(''))

    @cached_property
    def data(self) -> bytes:
        """All bytes of the file."""
        return fileio.get(self.path, backend_args=self.backend_args)

    @cached_property
    def encoding(self) -> str:
        """Encoding by the byte order mark, UTF-8 without one."""
        start = self.first_bytes()
        found = [name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)]
        if not found and b'\0' in start:
            raise ValueError(
                f'{self.path}: neither JSON nor CSV nor XML, it holds zero bytes (UTF-16 '
                'without its mark, or a binary file); save it as UTF-8'
            )
        return found[0] if found else 'utf-8'

    @cached_property
    def text(self) -> str:
        """The whole file as text."""
        try:
            return self.data.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise ValueError(
                f'{self.path}: neither JSON nor CSV nor XML ({error}); save it as UTF-8'
            ) from None

    @cached_property
    def head(self) -> str:
        """Its first characters without white space in front, to tell formats apart."""
        try:
            decoder = codecs.getincrementaldecoder(self.encoding)('replace')
        except ValueError:  # no text: no format of text fits
            return ''
        return decoder.decode(self.first_bytes()).lstrip()

    @property
    def is_json(self) -> bool:
        """Whether it begins as JSON does."""
        return self.head[:1] in ('{', '[')

    @property
    def is_xml(self) -> bool:
        """Whether it begins as XML does."""
        return self.head[:1] == '<'

    @cached_property
    def json(self) -> object:
        """The content of a JSON file; keys that occur twice are refused."""
        return parse_json(self.path, self.text)

    @cached_property
    def json_object(self) -> dict:
        """The content when it is a JSON object, else an empty one."""
        return self.json if self.is_json and isinstance(self.json, dict) else {}

    @cached_property
    def json_list(self) -> list:
        """The content when it is a JSON list, else an empty one."""
        return self.json if self.is_json and isinstance(self.json, list) else []

    @cached_property
    def xml(self) -> Element:
        """The root of an XML file; document types and entities are refused."""
        return parse_xml(self.path, self.data)

    @property
    def first_line(self) -> str:
        """A table's first line as it is written, for messages too."""
        return self.head.split('\n', 1)[0].rstrip('\r')

    @cached_property
    def header(self) -> list[str]:
        """Cells of a table's first line."""
        line = self.first_line
        if self.is_json or self.is_xml or '\0' in line:
            return []
        try:
            return [c.strip() for c in next(csv.reader([line], delimiter=self.delimiter))]
        except (csv.Error, StopIteration):
            return []

    @property
    def delimiter(self) -> str:
        """What parts the cells of the first line: tab, semicolon or comma."""
        return max(',;\t', key=self.first_line.count)

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Lines of a table, the header included, read one after the other.

        Yields:
            tuple[str, list[str]]: Place for messages, cells without spaces around them.
        """
        with self._open() as file:
            lines = csv.reader(
                file, delimiter=self.delimiter, strict=True, skipinitialspace=True
            )
            while True:
                first = self.lines_before + lines.line_num + 1
                try:
                    row = next(lines)
                except StopIteration:
                    return
                except (csv.Error, UnicodeError) as error:
                    raise ValueError(
                        f'{self.path}: line {first}: {_readable(error)}'
                    ) from None
                over = self.lines_before + lines.line_num - first
                if over:
                    raise ValueError(
                        f'{self.path}: line {first}: a cell runs over {over + 1} lines; is '
                        'a quote not closed?'
                    )
                if any(cell.strip() for cell in row):
                    yield f'line {first}', [cell.strip() for cell in row]

    def records(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Lines of a table below its header.

        Yields:
            tuple[str, dict[str, str]]: Place for messages, cells by the header's names.
        """
        header, lines = self.header, self.rows()
        names = [name for name in header if name]
        twice = [name for name in set(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f'{self.path}: the column {twice[0]!r} occurs twice')
        next(lines, None)
        for where, cells in lines:
            if any(cells[len(header) :]) or len(cells) < len(names):
                raise ValueError(
                    f'{self.path}: {where}: {len(cells)} values for {len(names)} columns'
                )
            yield where, {name: cell for name, cell in zip(header, cells) if name}

    def _open(self) -> TextIO:
        if self.backend_args is None:
            return open(self.path, encoding=self.encoding, newline='')
        return io.TextIOWrapper(io.BytesIO(self.data), encoding=self.encoding, newline='')

    def first_bytes(self) -> bytes:
        """The beginning of the file, to tell formats apart."""
        if self.backend_args is not None:
            return self.data[:HEAD_BYTES]
        with open(self.path, 'rb') as file:
            return file.read(HEAD_BYTES)


def _readable(error: Exception) -> str:
    """What a broken line of a table is about."""
    if isinstance(error, UnicodeError):
        return f'not text ({error}); save the table as UTF-8'
    if 'unexpected end' in str(error) or 'field limit' in str(error):
        return f'a quote is not closed ({error})'
    return f'not a line of a table ({error})'


def as_text(value: object) -> str:
    """JSON of a value, short enough for a message."""
    return json.dumps(value, default=str, ensure_ascii=False)[:60]
