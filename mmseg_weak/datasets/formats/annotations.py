"""What a source holds: marks and tags with the classes as the source writes them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..click_table import ClickTable, TagTable

Resolve = Callable[[object], int]
# What a report counts of each class.
KINDS = ('clicks', 'scribbles', '"no" points', 'tags', '"absent" tags')
NO_CLASS = "no class ('cls' or 'class', in a CSV also 'label')"


@dataclass
class Mark:
    """One click or scribble, for writers: its class as text, its points as floats."""

    image: str
    points: list[tuple[float, float]]
    label: str
    rank: int
    negative: bool

    @property
    def x(self) -> float:
        """Column of its first point."""
        return self.points[0][0]

    @property
    def y(self) -> float:
        """Row of its first point."""
        return self.points[0][1]


@dataclass
class Annotations:
    """Marks and tags of one file or folder.

    Attributes:
        path (str): The file or folder.
        format (str): Name of the format in ``READERS``.
        clicks (ClickTable): Clicks and scribbles; ``label`` is a position in ``classes``.
        tags (TagTable): Tags; ``label`` is a position in ``classes``.
        classes (tuple): Class entries as written: names, ids, or None for no class.
        first (tuple[str, ...]): Where each class was met first, for messages.
        sizes (dict): Image id to width and height, where the source tells.
        left_out (Counter): ``(reason, class)`` to the number of entries not taken.
        notes (list[str]): Lines that the user should read.
        vocabulary (tuple[str, ...] | None): The classes that the source declares.
    """

    path: str
    format: str
    clicks: ClickTable
    tags: TagTable
    classes: tuple
    first: tuple[str, ...]
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    vocabulary: tuple[str, ...] | None = None

    def click_table(self, resolve: Resolve, only_class: int | None = None) -> ClickTable:
        """Clicks with class ids and float32 positions.

        Args:
            resolve (Callable): Class entry to id, see
                :class:`~mmseg_weak.datasets.click_formats.ClassResolver`.
            only_class (int, optional): The one class that the source may hold; entries
                without a class get it.

        Raises:
            ValueError: A class is unknown or not ``only_class``.
        """
        ids = self._ids(self.clicks.label, resolve, only_class)
        return replace(
            self.clicks,
            points=self.clicks.points.astype(np.float32),
            label=ids[self.clicks.label],
        )

    def _ids(
        self, labels: np.ndarray, resolve: Resolve, only_class: int | None = None
    ) -> np.ndarray:
        """Id of each entry of ``classes`` that is used, 0 for the others."""
        ids = np.zeros(len(self.classes), dtype=np.int64)
        # In the order of the file, so that the first wrong entry is the one named.
        for i in np.unique(labels):
            try:
                ids[i] = class_id(self.classes[i], resolve, only_class)
            except ValueError as error:
                text = self.no_class() if self.classes[i] is None else error
                raise ValueError(f'{self.path}: {self.first[i]}: {text}') from None
        return ids

    def no_class(self) -> str:
        """What to say of a mark without a class: columns or keys nobody read, too."""
        return '; '.join([NO_CLASS, *(note for note in self.notes if 'not used' in note)])

    def kinds(self) -> np.ndarray:
        """(n,) of each mark ``points``, ``lines`` or ``no``."""
        kinds = np.where(self.clicks.is_line(), 'lines', 'points')
        return np.where(self.clicks.negative, 'no', kinds)

    def marks(self, *kinds: str) -> Iterator[Mark]:
        """Clicks and scribbles of the kinds that a format can hold, in order.

        A scribble that says "no" comes as points where a format has no lines.
        """
        clicks, names = self.clicks, self.names()
        for i in np.flatnonzero(np.isin(self.kinds(), kinds)).tolist():
            rows = clicks.points[clicks.start[i] : clicks.start[i + 1]].tolist()
            points = [(x, y) for x, y in rows]
            for part in [points] if 'lines' in kinds else [[point] for point in points]:
                yield Mark(
                    image=clicks.images[clicks.image_index[i]],
                    points=part,
                    label=names[clicks.label[i]],
                    rank=int(clicks.rank[i]),
                    negative=bool(clicks.negative[i]),
                )

    def tag_rows(self, present: bool) -> Iterator[tuple[str, str]]:
        """Image and class of each tag, or of each class verified to be absent."""
        tags, names = self.tags, self.names()
        for i in np.flatnonzero(tags.present == present).tolist():
            yield tags.images[tags.image_index[i]], names[tags.label[i]]

    def by_image(self, *kinds: str) -> Iterator[tuple[str, list[Mark]]]:
        """Every image with its :meth:`marks`, those without one too."""
        found: dict[str, list[Mark]] = {image: [] for image in self.clicks.images}
        for mark in self.marks(*kinds):
            found[mark.image].append(mark)
        yield from found.items()

    def tags_by_image(self) -> dict[str, list[str]]:
        """Tags of every image, those without one too."""
        tags: dict[str, list[str]] = {image: [] for image in self.tags.images}
        for image, label in self.tag_rows(present=True):
            tags[image].append(label)
        return tags

    def size_of(self, image: str) -> tuple[int, int]:
        """Width and height of an image.

        Raises:
            ValueError: The source does not tell and no folder of images was given.
        """
        if image not in self.sizes:
            raise ValueError(
                f'{self.path}: the size of image {image!r} is not known; say where the '
                'images are (--images FOLDER with all of them)'
            )
        return self.sizes[image]

    def of_images(self, name_of: Mapping[str, str]) -> 'Annotations':
        """The marks and tags of some images, under the names that a mapping gives them."""

        def known(table, **columns):
            rows = np.array([name in name_of for name in table.images], bool)
            place = np.cumsum(rows) - 1
            table = table.select(rows[table.image_index])
            return replace(
                table,
                images=tuple(name_of[n] for n in table.images if n in name_of),
                image_index=place[table.image_index].astype(np.int32),
                **{name: column[rows] for name, column in columns.items()},
            )

        clicks = known(self.clicks, vocabulary=self.clicks.vocabulary)
        sizes = {name_of[n]: size for n, size in self.sizes.items() if n in name_of}
        return replace(self, clicks=clicks, tags=known(self.tags), sizes=sizes)

    def names(self) -> list[str]:
        """Classes as text."""
        return ['' if value is None else str(value) for value in self.classes]

    def report(self) -> str:
        """What was read of each class, what was left out and why, one line each."""
        head = f'{self.path}: {self.format}, {len(self.clicks.images)} images'
        left_out = [[*key, number] for key, number in self.left_out.items()]
        return report_text(head, self.names(), count_kinds(self), left_out, self.notes)


def count_kinds(found: Annotations) -> np.ndarray:
    """(classes, 5) number of the marks of each class, by ``KINDS``."""
    clicks, lines = found.clicks, found.clicks.is_line()
    positive, present = ~clicks.negative, found.tags.present
    labels = (
        clicks.label[~lines & positive],
        clicks.label[lines & positive],
        clicks.label[~positive],
        found.tags.label[present],
        found.tags.label[~present],
    )
    return np.stack([np.bincount(x, minlength=len(found.classes)) for x in labels], axis=1)


def report_text(
    head: str,
    classes: Sequence[str],
    counts: Sequence[Sequence[int]],
    left_out: Sequence[Sequence],
    notes: Sequence[str],
) -> str:
    """A report of marks by class.

    Args:
        head (str): Its first line.
        classes (Sequence[str]): Names.
        counts (Sequence[Sequence[int]]): Of each class, by ``KINDS``.
        left_out (Sequence[Sequence]): Reason, class and number of entries not taken.
        notes (Sequence[str]): Lines that the user should read.
    """
    out = [head]
    for name, numbers in zip(classes, counts):
        found = [f'{n} {kind}' for n, kind in zip(numbers, KINDS) if n]
        if found:
            out.append(f'  {name or "(no class)"}: {", ".join(found)}')
    for reason, name, number in sorted(left_out):
        out.append(f'  left out: {number} {name + " " if name else ""}({reason})')
    return '\n'.join(out + [f'  note: {note}' for note in notes])


def class_id(value: object, resolve: Resolve, only_class: int | None) -> int:
    """Id of a class entry; see :meth:`Annotations.click_table`."""
    if value is None and only_class is None:
        raise ValueError(NO_CLASS)
    label = only_class if value is None else resolve(value)
    if only_class is not None and label != only_class:
        raise ValueError(
            f'class {value!r} in a file of background clicks (class id {only_class})'
        )
    return label
