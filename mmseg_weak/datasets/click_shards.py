"""Files of a click table: a folder of NumPy arrays in shards.

The folder holds ``table.json`` and shards, folders of ``.npy`` files that NumPy maps into
memory. A shard has the images whose hashes lie in its range, in the order of the hashes::

    hash.npy        (k,) uint64     hash of each name, see NameList.hashes
    names.npy       (b,) uint8      the names in UTF-8, one behind the other
    name_start.npy  (k + 1,) int64  where each begins
    mark_start.npy  (k + 1,) int64  the marks of each image, in the order of the source
    label.npy       (n,) int32      position in the classes of table.json
    rank.npy        (n,) int32      0: none
    negative.npy    (n,) bool       "not this class"
    point_start.npy (n + 1,) int64  the points of each mark: none of a tag, one of a click
    points.npy      (m, 2) float64  column and row
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .._messages import reason_of
from .name_list import NameList
from .row_ranges import starts, take_ranges

INDEX = 'table.json'
FORMAT = 'mmseg_weak click table'
VERSION = 1
PIXELS, FRACTIONS = 'pixels', 'fractions'
IMAGE_COLUMNS = ('hash', 'names', 'name_start', 'mark_start')
MARK_COLUMNS = ('label', 'rank', 'negative', 'point_start', 'points')
DTYPES = dict(
    hash=np.uint64,
    names=np.uint8,
    name_start=np.int64,
    mark_start=np.int64,
    label=np.int32,
    rank=np.int32,
    negative=np.bool_,
    point_start=np.int64,
    points=np.float64,
)


class BrokenTable(ValueError):
    """A click table that is incomplete or was changed."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(
            f'{path}: not a whole click table ({reason}); convert its source again'
        )


@dataclass
class StoreIndex:
    """What ``table.json`` says.

    Attributes:
        shards (list[list[int]]): Number of images, marks and points of each shard.
        unit (str): Of positions: ``pixels``, or ``fractions`` of width and height.
        classes (list): Class entries as the source writes them; None for none.
        first (list[str]): Where each class was met first.
        counts (list[list[int]]): Of each class clicks, scribbles, "no" points, tags and
            "absent" tags.
        left_out (list): ``[reason, class, number]`` of entries not taken.
        notes (list[str]): What a user should know.
        vocabulary (list[str], optional): Classes that the source declares.
    """

    shards: list = field(default_factory=list)
    unit: str = PIXELS
    classes: list = field(default_factory=list)
    first: list = field(default_factory=list)
    counts: list = field(default_factory=list)
    left_out: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    vocabulary: list | None = None

    def write(self, folder: Path) -> None:
        """Write ``table.json``."""
        content = dict(format=FORMAT, version=VERSION, **vars(self))
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / INDEX).write_text(text, encoding='utf-8')

    @classmethod
    def parse(cls, path: str | os.PathLike, content: object) -> 'StoreIndex':
        """Check what ``table.json`` holds.

        Raises:
            BrokenTable: It is not what :meth:`write` writes.
        """
        if not is_index(content):
            raise BrokenTable(path, f'{INDEX} is of another kind')
        content = dict(content)
        content.pop('format')
        if content.pop('version', None) != VERSION:
            raise BrokenTable(path, 'of another version of mmseg_weak')
        if set(content) != set(vars(cls())):
            raise BrokenTable(path, f'{INDEX} has other keys')
        index = cls(**content)
        whole = all(
            isinstance(s, list)
            and len(s) == 3
            and all(type(n) is int and n >= 0 for n in s)
            for s in (index.shards if isinstance(index.shards, list) else [None])
        )
        lists = (index.classes, index.first, index.counts, index.left_out, index.notes)
        if not whole or not all(isinstance(value, list) for value in lists):
            raise BrokenTable(path, f'{INDEX} was changed')
        if index.unit not in (PIXELS, FRACTIONS) or len(index.first) != len(index.classes):
            raise BrokenTable(path, f'{INDEX} was changed')
        return index


def is_index(content: object) -> bool:
    """Whether a JSON value is the index of a click table."""
    return isinstance(content, dict) and content.get('format') == FORMAT


class Shard:
    """Mapped columns of one shard, opened when asked for.

    Args:
        folder (Path): Of the shard.
        size (Sequence[int]): Its number of images, marks and points.

    Raises:
        BrokenTable: (by the attributes) A file is absent, cut short or of another length.
    """

    def __init__(self, folder: Path, size: Sequence[int]) -> None:
        self.folder = folder
        images, marks, points = size
        self.lengths = dict(
            hash=images,
            name_start=images + 1,
            mark_start=images + 1,
            label=marks,
            rank=marks,
            negative=marks,
            point_start=marks + 1,
            points=points,
        )
        self.ends = dict(mark_start=marks, point_start=points)

    def __getattr__(self, name: str) -> np.ndarray:
        if name not in DTYPES:
            raise AttributeError(name)
        path = self.folder / f'{name}.npy'
        try:
            empty = self.lengths.get(name) == 0
            column = np.load(path, mmap_mode=None if empty else 'r', allow_pickle=False)
        except FileNotFoundError:
            raise BrokenTable(path, 'the file is absent') from None
        except Exception as error:  # a damaged header raises anything
            raise BrokenTable(path, reason_of(error, 100)) from None
        width = (2,) if name == 'points' else ()
        if column.dtype != DTYPES[name] or column.shape != (len(column), *width):
            raise BrokenTable(path, f'{column.dtype} of shape {column.shape}')
        if len(column) != self.lengths.get(name, len(column)):
            raise BrokenTable(path, f'{len(column)} rows for {self.lengths[name]}')
        if name in self.ends and column[-1] != self.ends[name]:
            raise BrokenTable(path, f'it ends at {column[-1]}, not {self.ends[name]}')
        setattr(self, name, column)
        return column

    def __getstate__(self) -> dict:
        """Workers that are started anew map the files themselves."""
        return dict(folder=self.folder, lengths=self.lengths, ends=self.ends)

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    @property
    def image_names(self) -> NameList:
        """Names of its images."""
        names, start = self.names, self.name_start
        ascends = len(start) < 2 or np.diff(start).min() >= 0
        if start[0] != 0 or start[-1] != len(names) or not ascends:
            raise BrokenTable(self.folder, 'names do not fit their positions')
        return NameList(names, start)


def write_shard(
    folder: Path, names: Sequence[str], image: np.ndarray, columns: dict[str, np.ndarray]
) -> list[int]:
    """Group marks by image and write one shard.

    Args:
        folder (Path): Empty folder.
        names (Sequence[str]): The images, each once.
        image (np.ndarray): (n,) position in ``names`` of each mark, in any order; marks of
            one image keep theirs.
        columns (dict): ``label``, ``rank``, ``negative`` ((n,) each), ``point_start``
            ((n + 1,)) and ``points`` ((m, 2)).

    Returns:
        list[int]: Number of images, marks and points.

    Raises:
        ValueError: Two names have one hash.
    """
    listed = NameList.of(names)
    codes = listed.hashes()
    by_hash = np.argsort(codes, kind='stable')
    codes, listed = codes[by_hash], listed.select(by_hash)
    same = np.flatnonzero(codes[1:] == codes[:-1])
    if len(same):
        pair = listed[int(same[0]) : int(same[0]) + 2]
        raise ValueError(f'images {pair[0]!r} and {pair[1]!r} have one hash; rename one')
    place = np.empty(len(by_hash), dtype=np.int64)
    place[by_hash] = np.arange(len(by_hash))
    order = np.argsort(place[image], kind='stable')
    number = np.bincount(place[image], minlength=len(listed))
    point_start, points = take_ranges(columns['point_start'], order)
    out = dict(
        hash=codes,
        names=listed.text,
        name_start=listed.start,
        mark_start=starts(number),
        point_start=point_start,
        points=columns['points'][points],
        **{name: columns[name][order] for name in ('label', 'rank', 'negative')},
    )
    for name, dtype in DTYPES.items():
        np.save(folder / f'{name}.npy', np.ascontiguousarray(out[name], dtype=dtype))
    return [len(codes), len(order), len(points)]
