"""What a format is: how to tell it by its content, to read it, to write it."""

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .collector import Collector
from .source import Source


@dataclass(frozen=True)
class ReadOptions:
    """What a user can say about a source.

    Attributes:
        format (str, optional): Name of the format. Defaults to None: by content.
        class_key (str, optional): Property or attribute that holds the class, for formats
            in which the user names it.
        class_name (str, optional): Class of all marks that have none.
        images (str, optional): Folder of the images, for formats that give positions as
            fractions of a size that they do not tell.
        machine_labels (bool): Take labels set by a machine too. Defaults to False.
        fractions (bool): Leave positions that are fractions of a size as they are. Defaults
            to False.
    """

    format: str | None = None
    class_key: str | None = None
    class_name: str | None = None
    images: str | None = None
    machine_labels: bool = False
    fractions: bool = False

    def choose_key(self, keys: Iterable[str], what: str) -> str | None:
        """The one of several properties that holds the class, None when there is none.

        Raises:
            ValueError: There are several and ``class_key`` names none of them.
        """
        keys = list(dict.fromkeys(keys))
        if self.class_key is not None and keys:
            if self.class_key not in keys:
                raise ValueError(
                    f'no {what} {self.class_key!r}, there are {", ".join(keys)}'
                )
            return self.class_key
        if len(keys) > 1:
            raise ValueError(
                f'several {what}s, {", ".join(keys)}: say by class_key which is the class'
            )
        return keys[0] if keys else None


class Format:
    """One foreign format; subclasses are registered in ``mmseg_weak.registry.READERS``.

    Attributes:
        title (str): Name for people.
        suffixes (tuple[str, ...]): Ends of its files' names, the usual one first.
        holds (tuple[str, ...]): Of ``points``, ``lines``, ``no``, ``tags``.
        per_image (bool): One file an image, so that a folder is one source.
        by_line (bool): A table with one entry a line, which can be read in parts.
        folder (bool): Written as a folder, whatever is in it.
        whole_pixels (bool): Written positions are whole numbers, the pixel clicked.
        keys (tuple[str, ...]): Of a JSON object that is of this format.
        columns (tuple[str, ...]): Of a table that is of this format.
    """

    title = ''
    suffixes: tuple[str, ...] = ('.json',)
    holds: tuple[str, ...] = ('points',)
    per_image = False
    by_line = False
    folder = False
    whole_pixels = False
    keys: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def sniff(cls, source: Source) -> bool:
        """Whether the content of a file is of this format: by ``keys`` or ``columns``."""
        if cls.columns:
            return set(cls.columns) <= set(source.header)
        return bool(cls.keys) and set(cls.keys) <= set(source.json_object)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Hand every entry of a file to ``out``.

        May raise KeyError, TypeError, IndexError, AttributeError or ValueError at a broken
        entry: the caller adds file, image and entry to the message.
        """
        raise NotImplementedError

    @staticmethod
    def read_columns(
        columns: dict[str, tuple[str, ...]],
        first: int,
        out: Collector,
        options: ReadOptions,
    ) -> bool:
        """Hand many lines of a table to ``out`` at once, as :meth:`read` hands each.

        Args:
            columns (dict): Cells by the header's names.
            first (int): Number of the first line.
            out (Collector): What takes them.
            options (ReadOptions): As for :meth:`read`.

        Returns:
            bool: Whether they are taken; if not, ``out`` is as before and :meth:`read`
            reads them, as where a cell is malformed.
        """
        return False


def image_file(folder: str | os.PathLike, image: str, suffix: str) -> Path:
    """File for what belongs to one image, its folder made: ``<folder>/<image><suffix>``."""
    path = Path(folder, image + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_json(path: str | os.PathLike, content: object) -> None:
    """Write JSON in UTF-8."""
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(content, file)


def write_table(
    path: str | os.PathLike, head: Iterable[object], rows: Iterable[Iterable[object]]
) -> None:
    """Write a CSV in UTF-8, its lines as they come."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        table = csv.writer(file, lineterminator='\n')
        table.writerow(head)
        table.writerows(rows)
