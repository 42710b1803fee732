"""Marks of millions of images in a folder, looked up and read by image."""

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from .click_shards import FORMAT, INDEX, BrokenTable, Shard, StoreIndex
from .click_table import KNOWS_ALL, ClickTable
from .name_list import NameList
from .row_ranges import starts, take_ranges


class ClickStore:
    """A click table on disk.

    Args:
        path (str | os.PathLike): Its folder.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is no click table, or not whole.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        try:
            content = json.loads(Path(path, INDEX).read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise FileNotFoundError(f'{path}: no click table, {INDEX} is absent') from None
        except (OSError, ValueError, RecursionError) as error:
            raise BrokenTable(self.path, f'{INDEX}: {str(error)[:80]}') from None
        self.index = StoreIndex.parse(self.path, content)
        self.shards = [
            Shard(Path(path, f'{i:04d}'), size) for i, size in enumerate(self.index.shards)
        ]
        sizes = np.array(self.index.shards, dtype=np.int64).reshape(-1, 3)
        self.offset = starts(sizes[:, 0])
        self.num_marks = int(sizes[:, 1].sum())

    @staticmethod
    def is_store(path: str | os.PathLike) -> bool:
        """Whether a folder has the index of a click table."""
        try:
            with open(Path(path, INDEX), encoding='utf-8') as file:
                return FORMAT in file.read(200)
        except (OSError, ValueError):
            return False

    def __len__(self) -> int:
        """Number of images."""
        return int(self.offset[-1])

    @cached_property
    def _last_hash(self) -> np.ndarray:
        """Largest hash of each shard."""
        ends, last = [], np.uint64(0)
        for shard in self.shards:
            last = shard.hash[-1] if len(shard.hash) else last
            ends.append(last)
        return np.array(ends, dtype=np.uint64)

    def names(self) -> list[str]:
        """Names of all images, in the order of their positions."""
        try:
            return [name for shard in self.shards for name in shard.image_names]
        except UnicodeDecodeError as error:
            raise BrokenTable(self.path, f'names.npy: {error}') from None

    def find(self, names: NameList) -> np.ndarray:
        """Positions of images.

        Returns:
            np.ndarray: (n,) int64, -1 for names that are not there.
        """
        codes = names.hashes()
        found = np.full(len(names), -1, dtype=np.int64)
        of_shard = np.searchsorted(self._last_hash, codes)
        order = np.argsort(of_shard, kind='stable')
        bounds = starts(np.bincount(of_shard, minlength=len(self.shards)))
        for i, shard in enumerate(self.shards):
            rows = order[bounds[i] : bounds[i + 1]]
            if not len(rows) or not len(shard.hash):
                continue
            place = np.searchsorted(shard.hash, codes[rows])
            place = np.minimum(place, len(shard.hash) - 1)
            same = np.asarray(shard.hash)[place] == codes[rows]
            rows, place = rows[same], place[same]
            there, wanted = shard.image_names.select(place), names.select(rows)
            equal = _equal(there, wanted)
            found[rows[equal]] = self.offset[i] + place[equal]
        return found

    def take(self, positions: np.ndarray, names: Sequence[str] | None = None) -> ClickTable:
        """Marks of some images, grouped by image in the order given.

        Args:
            positions (np.ndarray): (k,) of :meth:`find`; -1 has no mark.
            names (Sequence[str], optional): What to call the images. Defaults to None:
                their positions here.

        Returns:
            ClickTable: Positions in the table's unit (float64), ``label`` a position in
            ``index.classes``; a mark without points is a tag.
        """
        positions = np.asarray(positions, dtype=np.int64)
        of_shard = np.searchsorted(self.offset, positions, side='right') - 1
        parts = [_empty()]
        for i in np.unique(of_shard[positions >= 0]):
            rows = np.flatnonzero((of_shard == i) & (positions >= 0))
            parts.append(self._take(self.shards[i], positions[rows] - self.offset[i], rows))
        joined = {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
        if names is None:
            names = [str(i) for i in range(len(positions))]
        table = ClickTable(
            images=tuple(names),
            start=starts(joined.pop('length')),
            vocabulary=np.full(len(positions), KNOWS_ALL, dtype=np.int32),
            **joined,
        )
        if len(parts) <= 2:
            return table
        return table.select(np.argsort(table.image_index, kind='stable'))

    @staticmethod
    def _take(shard: Shard, place: np.ndarray, rows: np.ndarray) -> dict:
        """Columns of the marks of images ``place`` of a shard, ``rows`` of the whole."""
        try:
            begin, marks = take_ranges(shard.mark_start, place)
            point_begin, points = take_ranges(shard.point_start, marks)
            if not np.isfinite(xy := shard.points[points]).all():
                raise BrokenTable(shard.folder, 'points.npy: a position is not finite')
            return dict(
                image_index=np.repeat(rows, np.diff(begin)).astype(np.int32),
                label=shard.label[marks].astype(np.int64),
                rank=shard.rank[marks].astype(np.int64),
                negative=shard.negative[marks],
                length=np.diff(point_begin),
                points=xy,
            )
        except IndexError as error:
            raise BrokenTable(shard.folder, str(error)[:80]) from None


def _empty() -> dict[str, np.ndarray]:
    return dict(
        image_index=np.zeros(0, np.int32),
        label=np.zeros(0, np.int64),
        rank=np.zeros(0, np.int64),
        negative=np.zeros(0, bool),
        length=np.zeros(0, np.int64),
        points=np.zeros((0, 2)),
    )


def _equal(names: NameList, others: NameList) -> np.ndarray:
    """(n,) whether two lists have one name at each position."""
    length = np.diff(names.start)
    equal = length == np.diff(others.start)
    rows = np.flatnonzero(equal)
    one, other = names.select(rows), others.select(rows)
    if len(rows):
        differs = np.logical_or.reduceat(one.text != other.text, one.start[:-1])
        equal[rows[differs]] = False
    return equal
