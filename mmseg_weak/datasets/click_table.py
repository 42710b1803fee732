"""The internal tables of clicks, scribbles and tags: columns of NumPy, one row a mark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from .row_ranges import take_ranges

KNOWS_ALL = -1


def _code(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Distinct names in order of appearance, and the position of each name in them."""
    codes = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return tuple(codes), np.array([codes[name] for name in names], dtype=np.int32)


def merge_names(
    tables: Sequence, start: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Names of the images of all tables, and where those of each table stand in them."""
    codes = {name: i for i, name in enumerate(start)}
    maps = [
        np.array([codes.setdefault(n, len(codes)) for n in table.images], dtype=np.int32)
        for table in tables
    ]
    return tuple(codes), maps


@dataclass
class ClickTable:
    """Clicks and scribbles of many images, one row a mark.

    Attributes:
        images (tuple[str, ...]): Image ids, each once; those without a mark as well.
        image_index (np.ndarray): (n,) int32, the image of each mark.
        points (np.ndarray): (m, 2) float32 column and row in pixels (float64 on the way
            from format to format), the corners of all marks one behind the other. Pixel
            ``i`` covers ``[i, i + 1)``.
        start (np.ndarray): (n + 1,) int64; ``points[start[i]:start[i + 1]]`` are those of
            mark ``i``: one of a click, the corners of its line of a scribble.
        label (np.ndarray): (n,) int64 class ids as in the file.
        rank (np.ndarray): (n,) int64 rank of the annotator's click, 0 when there is none.
        negative (np.ndarray): (n,) bool, True where the mark says "not this class".
        vocabulary (np.ndarray): (len(images),) int32 position in ``vocabularies`` of the
            classes that the image was searched for, ``KNOWS_ALL`` (-1) for all.
        vocabularies (tuple[tuple[int, ...], ...]): Lists of class ids.
    """

    images: tuple[str, ...]
    image_index: np.ndarray
    points: np.ndarray
    start: np.ndarray
    label: np.ndarray
    rank: np.ndarray
    negative: np.ndarray
    vocabulary: np.ndarray
    vocabularies: tuple[tuple[int, ...], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.label)

    @property
    def image(self) -> np.ndarray:
        """(n,) image id of each mark, dtype object (str)."""
        return np.array(self.images, dtype=object)[self.image_index]

    @property
    def xy(self) -> np.ndarray:
        """(n, 2) first point of each mark: of a click its only one."""
        return self.points[self.start[:-1]]

    def is_line(self) -> np.ndarray:
        """(n,) bool, True where the mark is a scribble of several points."""
        return np.diff(self.start) > 1

    def point_rows(self) -> np.ndarray:
        """(m,) the mark that each point belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def select(self, index: np.ndarray) -> 'ClickTable':
        """Marks picked by a boolean mask or an index array; all images stay named."""
        index = np.asarray(index)
        rows = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        start, points = take_ranges(self.start, rows)
        return replace(
            self,
            image_index=self.image_index[rows],
            points=self.points[points],
            start=start,
            label=self.label[rows],
            rank=self.rank[rows],
            negative=self.negative[rows],
        )

    def rename(self, function: Callable[[str], str]) -> 'ClickTable':
        """A table whose image ids are ``function(id)``; ids that become equal merge."""
        names, index = _code([function(name) for name in self.images])
        vocabulary = np.full(len(names), KNOWS_ALL, dtype=np.int32)
        vocabulary[index[::-1]] = self.vocabulary[::-1]  # the first of merged ones wins
        return replace(
            self, images=names, image_index=index[self.image_index], vocabulary=vocabulary
        )

    @classmethod
    def from_rows(cls, rows: Sequence[tuple]) -> 'ClickTable':
        """Build a table of clicks from ``(image, x, y, label, rank)`` tuples."""
        image, x, y, label, rank = zip(*rows) if rows else ((),) * 5
        names, index = _code(image)
        return cls(
            images=names,
            image_index=index,
            points=np.array([x, y], dtype=np.float32).reshape(2, -1).T.copy(),
            start=np.arange(len(label) + 1),
            label=np.array(label, dtype=np.int64),
            rank=np.array(rank, dtype=np.int64),
            negative=np.zeros(len(label), dtype=bool),
            vocabulary=np.full(len(names), KNOWS_ALL, dtype=np.int32),
        )

    @classmethod
    def concatenate(cls, tables: Sequence['ClickTable']) -> 'ClickTable':
        """Marks of all tables, in order.

        An image of several tables with several vocabularies keeps their union.
        """
        names, maps = merge_names(tables)
        starts = np.cumsum([0] + [len(table.points) for table in tables])
        vocabulary, lists = _merge_vocabularies(tables, maps, len(names))
        joined = {
            name: np.concatenate([getattr(table, name) for table in tables])
            for name in ('points', 'label', 'rank', 'negative')
        }
        return cls(
            images=names,
            image_index=np.concatenate([m[t.image_index] for t, m in zip(tables, maps)]),
            start=np.concatenate(
                [t.start[:-1] + s for t, s in zip(tables, starts)] + [starts[-1:]]
            ),
            vocabulary=vocabulary,
            vocabularies=lists,
            **joined,
        )


def _merge_vocabularies(
    tables: Sequence[ClickTable], maps: Sequence[np.ndarray], num_images: int
) -> tuple[np.ndarray, tuple[tuple[int, ...], ...]]:
    """Vocabulary of each image of several tables: the union of what they know."""
    lists: dict[tuple[int, ...], int] = {}
    merged = np.full(num_images, KNOWS_ALL, dtype=np.int32)
    seen = np.zeros(num_images, dtype=bool)
    for table, positions in zip(tables, maps):
        for code, image in zip(table.vocabulary.tolist(), positions.tolist()):
            known = None if code == KNOWS_ALL else set(table.vocabularies[code])
            if seen[image] and known is not None:
                before = merged[image]
                known = None if before == KNOWS_ALL else known | set(list(lists)[before])
            seen[image] = True
            if known is None:
                merged[image] = KNOWS_ALL
            else:
                merged[image] = lists.setdefault(tuple(sorted(known)), len(lists))
    return merged, tuple(lists)


@dataclass
class TagTable:
    """Tags of many images, one row a statement about a class in an image.

    Attributes:
        images (tuple[str, ...]): Image ids, each once; those without a tag as well.
        image_index (np.ndarray): (n,) int32, the image of each tag.
        label (np.ndarray): (n,) int64 class ids as in the file.
        present (np.ndarray): (n,) bool, False where someone verified that the class is
            absent.
    """

    images: tuple[str, ...]
    image_index: np.ndarray
    label: np.ndarray
    present: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def select(self, index: np.ndarray) -> 'TagTable':
        """Rows picked by a boolean mask or an index array; all images stay named."""
        columns = (getattr(self, f.name)[index] for f in fields(self)[1:])
        return TagTable(self.images, *columns)
