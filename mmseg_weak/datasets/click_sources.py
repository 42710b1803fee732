"""Clicks of a data set: read its files, find their images, check their positions."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .click_table import KNOWS_ALL, ClickTable
from .formats import Annotations, ReadOptions, read_annotations
from .formats.checks import check_positions, match_names
from .image_files import image_id
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
                images, or positions are no pixels of the images.
        """
        try:
            found = read_annotations(path, None, self.options, 'clicks', self.backend_args)
        except FileNotFoundError:
            raise FileNotFoundError(f'click file not found: {path}') from None
        if not len(found.clicks) and len(found.tags):
            raise ValueError(f'{path}: holds tags and no click; give it as tag_file')
        clicks = self._with_vocabulary(found, found.click_table(self.resolve, only_class))
        try:
            clicks = self._match(clicks, path)
            self._check(clicks, path)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
        left = sum(found.left_out.values())
        reasons = ', '.join(sorted({reason for reason, _ in found.left_out}))
        notes = [f'{left} entries left out ({reasons})'] if left else []
        self.notes += [f'{path}: {note}' for note in notes + found.notes]
        return clicks

    def _match(self, clicks: ClickTable, path: str | os.PathLike) -> ClickTable:
        """The table with the names of the data set's images."""
        plain = {name: image_id(name, self.suffix) for name in clicks.images}
        names, notes = match_names(clicks.images, self.images, plain.get)
        self.notes += [f'{path}: {note}' for note in notes]
        return clicks.rename(names.get)

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

    def _with_vocabulary(self, found: Annotations, clicks: ClickTable) -> ClickTable:
        """The table with what its annotators looked for in each image.

        Raises:
            ValueError: A class is unknown, or the file declares none.
        """
        if self.vocabulary is None:
            return clicks
        if self.vocabulary == DECLARED:
            if found.vocabulary is None:
                raise ValueError(
                    f'{found.path}: {found.format} declares no classes; name the vocabulary'
                )
            lists = [self._known(found.vocabulary)]
        elif isinstance(self.vocabulary, str):
            return self._vocabulary_of_images(clicks)
        else:
            lists = [tuple(sorted({self.resolve(name) for name in self.vocabulary}))]
        return replace(
            clicks,
            vocabulary=np.zeros(len(clicks.images), dtype=np.int32),
            vocabularies=tuple(lists),
        )

    def _known(self, names: Sequence[str]) -> tuple[int, ...]:
        """Ids of the names that are classes here."""
        ids = set()
        for name in names:
            try:
                ids.add(self.resolve(name))
            except ValueError:
                self.notes.append(f'the class {name!r} is declared and not trained')
        return tuple(sorted(ids))

    def _vocabulary_of_images(self, clicks: ClickTable) -> ClickTable:
        """One list for each image, from a file of tags; images without one know all."""
        known = read_tag_file(self.vocabulary, self.resolve, self.backend_args)
        known = {image_id(name, self.suffix): ids for name, ids in known.items()}
        lists: dict[tuple[int, ...], int] = {}
        codes = np.full(len(clicks.images), KNOWS_ALL, dtype=np.int32)
        for i, name in enumerate(clicks.images):
            ids = known.get(image_id(name, self.suffix))
            if ids:
                codes[i] = lists.setdefault(tuple(sorted(ids)), len(lists))
        return replace(clicks, vocabulary=codes, vocabularies=tuple(lists))
