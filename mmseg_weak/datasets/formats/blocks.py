"""Large tables in blocks of lines: parsed by column where they are plain, else by line."""

import csv
import gc
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from ...registry import READERS
from .source import Source

BLOCK_BYTES = 1 << 22
# A byte order mark and white space.
BLANK = b'\xef\xbb\xbf \t\r\n'
LINE_ENCODINGS = ('utf-8', 'utf-8-sig')


class Position(NamedTuple):
    """A place between two lines of a file: bytes and lines in front of it."""

    offset: int = 0
    lines: int = 0


BEGINNING = Position()


class Block(Source):
    """Some lines of a table, read as if they were the whole file.

    Args:
        source (Source): The table.
        first_line (bytes): Its header.
        body (bytes): The lines.
        lines_before (int): Lines in front of them in the file.
    """

    def __init__(
        self, source: Source, first_line: bytes, body: bytes, lines_before: int
    ) -> None:
        super().__init__(source.path, None, str(source.name))
        self.encoding, self.head, self.header = source.encoding, source.head, source.header
        self.body, self.bytes = body, first_line + body
        self.lines_before = lines_before - 1

    def _open(self) -> TextIO:
        return io.TextIOWrapper(io.BytesIO(self.bytes), self.encoding, newline='')

    def columns(self) -> dict[str, tuple[str, ...]] | None:
        """Cells of each column; None when a line is not plain: blank, too long, broken."""
        try:
            text = self.body.decode(self.encoding)
            lines = csv.reader(
                io.StringIO(text, newline=''),
                delimiter=self.delimiter,
                strict=True,
                skipinitialspace=True,
            )
            with without_collection():
                rows = list(lines)
        except (csv.Error, UnicodeError):
            return None
        if lines.line_num != len(rows) or len(set(self.header)) < len(self.header):
            return None
        if set(map(len, rows)) != {len(self.header)}:
            return None
        return dict(zip(self.header, zip(*rows)))


@contextmanager
def without_collection() -> Iterator[None]:
    """Make many small objects without Python looking for circles among them all."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def can_be_parted(source: Source, name: str) -> bool:
    """Whether a file can be read in blocks: one entry a line, on disk, in UTF-8."""
    entry = READERS.module_dict.get(name)
    return (
        entry is not None
        and entry.by_line
        and source.backend_args is None
        and bool(source.header)
        and source.encoding in LINE_ENCODINGS
    )


def blocks(
    source: Source, position: Position = BEGINNING
) -> Iterator[tuple[Block, Position]]:
    """Parts of a table of some MiB that end with a line.

    Args:
        source (Source): One that :func:`can_be_parted`.
        position (Position): Where to go on. Defaults to the beginning.

    Yields:
        tuple[Block, Position]: The lines, and where they end.
    """
    with open(source.path, 'rb') as file:
        lines, first_line = 0, b'\n'
        while first_line and not first_line.strip(BLANK):
            lines, first_line = lines + 1, file.readline()
        begin = Position(file.tell(), lines)
        at = max(begin, position)
        file.seek(at.offset)
        while True:
            body = file.read(BLOCK_BYTES)
            body += file.readline() if body[-1:] != b'\n' else b''
            if not body and at != begin:
                return
            yield (
                Block(source, first_line, body, at.lines),
                at := Position(at.offset + len(body), at.lines + body.count(b'\n')),
            )
            if not body:
                return
