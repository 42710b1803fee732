"""Clicks of a data set: read its files, find their images, check their positions."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .click_shards import FRACTIONS, StoreIndex
from .click_store import ClickStore
from .click_table import KNOWS_ALL, ClickTable
from .formats import ReadOptions, read_annotations
from .formats.annotations import class_id
from .formats.checks import check_positions, check_sizes, last_part, match_names
from .image_files import as_suffixes, image_id, listing
from .name_list import NameList
from .tag_formats import read_tag_file

# The classes that the source itself declares, as CVAT and Datumaro do.
DECLARED = 'declared'
Vocabulary = Sequence[str] | str | None


@dataclass
class ClickSources:
    """Reads the click files of one data set.

    Attributes:
        images (Sequence[str]): Ids of the images.
        sizes (np.ndarray, optional): (n, 2) their widths and heights; None: not known.
        suffix (str): End of the image files, not part of the ids.
        resolve (Callable): Class entry to id, see
            :class:`~mmseg_weak.datasets.click_formats.ClassResolver`.
        options (ReadOptions): What the user says about the files.
        vocabulary (Sequence[str] | str, optional): Classes that the annotators looked for:
            their names, ``'declared'`` for those that the file declares, or a file of tags
            with a list for each image. Defaults to None: all.
        backend_args (dict, optional): mmengine file backend.
        notes (list[str]): What the user should know, filled by :meth:`read`.
    """

    images: Sequence[str]
    sizes: np.ndarray | None
    suffix: str
    resolve: Callable[[object], int]
    options: ReadOptions
    vocabulary: Vocabulary = None
    backend_args: dict | None = None

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def read(self, path: str | os.PathLike, only_class: int | None = None) -> ClickTable:
        """Read one file or folder.

        Args:
            path (str | os.PathLike): Of any registered format.
            only_class (int, optional): The class of entries without one; others are
                refused.

        Returns:
            ClickTable: Image ids are those of the data set where the image is in it.

        Raises:
            FileNotFoundError: It does not exist.
            ValueError: It is malformed, holds no click but tags, a name could be several
                images, positions are no pixels of the images, or these had another size.
        """
        try:
            found = read_annotations(path, None, self.options, 'clicks', self.backend_args)
        except FileNotFoundError:
            raise FileNotFoundError(f'click file not found: {path}') from None
        if not len(found.clicks) and len(found.tags):
            raise ValueError(f'{path}: holds tags and no click; give it as tag_file')
        clicks = self.with_vocabulary(
            found.click_table(self.resolve, only_class),
            self.searched(found.vocabulary, found.path, found.format),
        )
        try:
            names = self._match(clicks, path)
            self._check_sizes(clicks, names, found.sizes)
            clicks = clicks.rename(names.get)
            self._check(clicks, path)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
        left = sum(found.left_out.values())
        reasons = ', '.join(sorted({reason for reason, _ in found.left_out}))
        notes = [f'{left} entries left out ({reasons})'] if left else []
        self.notes += [f'{path}: {note}' for note in notes + found.notes]
        return clicks

    def open(
        self, path: str | os.PathLike, only_class: int | None = None
    ) -> 'MarksOfStore':
        """Open a click table on disk; see :meth:`read`."""
        store = ClickStore(path)
        left = sum(number for *_, number in store.index.left_out)
        notes = [f'{left} entries left out when it was converted'] if left else []
        self.notes += [f'{path}: {note}' for note in notes + store.index.notes]
        return MarksOfStore(store, self, only_class)

    def ids_of(
        self, index: StoreIndex, path: str | os.PathLike, only_class: int | None = None
    ) -> np.ndarray:
        """Id of each class of a click table that clicks have.

        Raises:
            ValueError: One is unknown, or not ``only_class``.
        """
        ids = np.zeros(len(index.classes), dtype=np.int64)
        for i, (label, place) in enumerate(zip(index.classes, index.first)):
            if not any(index.counts[i][:3]):
                continue
            try:
                ids[i] = class_id(label, self.resolve, only_class)
            except ValueError as error:
                raise ValueError(
                    f'{path}: {place} of its source: {error}; convert --only takes the '
                    'classes that are trained'
                ) from None
        return ids

    def _match(self, clicks: ClickTable, path: str | os.PathLike) -> dict[str, str]:
        """Image of the data set that each name of the table is."""
        plain = {name: image_id(name, self.suffix) for name in clicks.images}
        names, notes = match_names(clicks.images, self.images, plain.get)
        self.notes += [f'{path}: {note}' for note in notes]
        return names

    def _check_sizes(
        self, clicks: ClickTable, names: Mapping[str, str], told: Mapping[str, tuple]
    ) -> None:
        """Sizes that the file tells of clicked images against those of the images."""
        if self.sizes is None or not told:
            return
        size_of = dict(zip(self.images, self.sizes.tolist()))
        clicked = {clicks.images[i] for i in np.unique(clicks.image_index).tolist()}
        check_sizes(told, {k: size_of[names[k]] for k in clicked if names[k] in size_of})

    def _check(self, clicks: ClickTable, path: str | os.PathLike) -> None:
        """Positions against the sizes of the images."""
        if self.sizes is None:
            return
        row = {image: i for i, image in enumerate(self.images)}
        rows = np.array([row.get(image, -1) for image in clicks.images], dtype=np.int64)
        of_points = rows[clicks.image_index[clicks.point_rows()]]
        known = of_points >= 0
        notes = check_positions(clicks.points[known], self.sizes[of_points[known]])
        self.notes += [f'{path}: {note}' for note in notes]

    def searched(
        self, declared: Sequence[str] | None, path: str | os.PathLike, format: str
    ) -> tuple[int, ...] | None:
        """What the annotators of a file looked for, where that is the same in all images.

        Args:
            declared (Sequence[str], optional): Classes that the file declares.
            path (str | os.PathLike): The file, for messages.
            format (str): Its format.

        Raises:
            ValueError: A class is unknown, or the file declares none.
        """
        if self.vocabulary == DECLARED:
            if declared is None:
                raise ValueError(
                    f'{path}: {format} declares no classes; name the vocabulary'
                )
            return self._known(declared)
        if self.vocabulary is None or isinstance(self.vocabulary, str):
            return None
        return tuple(sorted({self.resolve(name) for name in self.vocabulary}))

    def with_vocabulary(
        self, clicks: ClickTable, searched: tuple[int, ...] | None
    ) -> ClickTable:
        """The table with what its annotators looked for in each image.

        Args:
            clicks (ClickTable): Marks.
            searched (tuple[int, ...], optional): See :meth:`searched`.
        """
        if searched is None:
            return clicks if self.vocabulary is None else self._vocabulary_of_images(clicks)
        codes = np.zeros(len(clicks.images), dtype=np.int32)
        return replace(clicks, vocabulary=codes, vocabularies=(searched,))

    def _known(self, names: Sequence[str]) -> tuple[int, ...]:
        """Ids of the names that are classes here."""
        ids = set()
        for name in names:
            try:
                ids.add(self.resolve(name))
            except ValueError:
                self.notes.append(f'the class {name!r} is declared and not trained')
        return tuple(sorted(ids))

    @cached_property
    def _tag_lists(self) -> dict[str, set[int]]:
        known = read_tag_file(self.vocabulary, self.resolve, self.backend_args)
        return {image_id(name, self.suffix): ids for name, ids in known.items()}

    def _vocabulary_of_images(self, clicks: ClickTable) -> ClickTable:
        """One list for each image, from a file of tags; images without one know all."""
        known = self._tag_lists
        lists: dict[tuple[int, ...], int] = {}
        codes = np.full(len(clicks.images), KNOWS_ALL, dtype=np.int32)
        for i, name in enumerate(clicks.images):
            ids = known.get(image_id(name, self.suffix))
            if ids:
                codes[i] = lists.setdefault(tuple(sorted(ids)), len(lists))
        return replace(clicks, vocabulary=codes, vocabularies=tuple(lists))


class MarksOfStore:
    """Marks of a click table on disk, by the images of a list.

    An image is looked up as its id, as its file, and by the last part of its path.

    Args:
        store (ClickStore): The table.
        sources (ClickSources): Images of the list and what is said about classes.
        only_class (int, optional): The one class that it may hold.

    Attributes:
        total (int): Number of its marks, those of images that are not listed too.
        seen (list[str]): Some of the images that the table has.
        fractions (bool): Positions are left as fractions, since sizes are not known.

    Raises:
        ValueError: A class is unknown, or two images of the list are one of the table.
    """

    in_memory = False

    def __init__(
        self, store: ClickStore, sources: ClickSources, only_class: int | None
    ) -> None:
        self.store, self.sources = store, sources
        self.ids = sources.ids_of(store.index, store.path, only_class)
        declared = store.index.vocabulary
        self._searched = sources.searched(declared, store.path, 'click-table')
        self.positions = self._find(sources.images)
        self.seen = store.shards[0].image_names[:2] if store.shards else []
        self.total = sum(sum(counts[:3]) for counts in store.index.counts)
        if not self.total and store.num_marks:
            raise ValueError(f'{store.path}: holds tags and no click; give it as tag_file')
        as_fractions = store.index.unit == FRACTIONS
        self.fractions = as_fractions and sources.sizes is None
        self._scaled = as_fractions and not self.fractions

    def take(self, first: int, last: int) -> ClickTable:
        """Marks of images ``first`` to ``last`` of the list, in their order."""
        sources = self.sources
        marks = self.store.take(self.positions[first:last], sources.images[first:last])
        marks = marks.select(np.diff(marks.start) > 0)  # tags have no place
        if self._scaled:
            sizes = sources.sizes[first:last]
            marks.points *= sizes[marks.image_index[marks.point_rows()]]
        if not self.fractions:
            marks.points = marks.points.astype(np.float32)
        marks.label = self.ids[marks.label]
        marks = sources.with_vocabulary(marks, self._searched)
        there = self.positions[first:last] >= 0
        vocabulary = np.where(there, marks.vocabulary, KNOWS_ALL).astype(np.int32)
        return replace(marks, vocabulary=vocabulary)

    def _find(self, images: Sequence[str]) -> np.ndarray:
        """(n,) position in the table of each image of the list, -1 where it is not."""
        found = self._look_up(images, np.arange(len(images)), str)
        lost = np.flatnonzero(found < 0)
        by_file = self._look_up(images, lost, last_part)
        by_file[np.isin(by_file, found[found >= 0])] = -1  # is an image by its whole path
        used, times = np.unique(by_file[by_file >= 0], return_counts=True)
        if (times > 1).any():
            twice = lost[by_file == used[times > 1][0]].tolist()
            names = listing([images[i] for i in twice])
            raise ValueError(
                f'{self.store.path}: {names} could be one image of the table: write paths '
                'alike'
            )
        found[lost] = by_file
        return found

    def _look_up(
        self, images: Sequence[str], rows: np.ndarray, name_of: Callable[[str], str]
    ) -> np.ndarray:
        """(rows,) position of images by a name, with the suffix or without."""
        ends = [e for s in as_suffixes(self.sources.suffix) for e in (s, s.lower())]
        ends += [end.upper() for end in ends]
        found = np.full(len(rows), -1, dtype=np.int64)
        for end in dict.fromkeys(['', *ends]):
            lost = np.flatnonzero(found < 0)
            if len(lost):
                names = [name_of(images[i]) + end for i in rows[lost].tolist()]
                found[lost] = self.store.find(NameList.of(names))
        return found
