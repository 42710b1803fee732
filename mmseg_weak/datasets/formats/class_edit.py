"""Name, leave out and join classes on the way from one format to another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..class_resolver import ClassResolver
from ..click_shards import StoreIndex
from .annotations import Annotations


@dataclass(frozen=True)
class ClassEdit:
    """What becomes of the classes of a source.

    Attributes:
        classes (Sequence[str], optional): Names of class ids, in order.
        only (Sequence[str], optional): Classes that are kept. Defaults to None: all.
        as_class (str, optional): The one class that all that is kept gets.
    """

    classes: Sequence[str] | None = None
    only: Sequence[str] | None = None
    as_class: str | None = None

    def of_all(self, found: Annotations) -> Annotations:
        """Everything that a source holds, changed.

        Raises:
            ValueError: An id has no name, or a class that is to be kept is not there.
        """
        found = found if self.classes is None else name_classes(found, self.classes)
        found = found if self.only is None else keep_classes(found, self.only)
        if self.as_class is not None:
            found = replace(found, classes=(self.as_class,) * len(found.classes))
        return found

    def of_part(self, found: Annotations) -> Annotations:
        """A part of a source, changed but for ``as_class``; see :meth:`finish`."""
        found = found if self.classes is None else name_classes(found, self.classes)
        if self.only is None:
            return found
        there = set(found.names())
        return keep_classes(found, [name for name in self.only if name in there])

    def finish(self, index: StoreIndex, path: str) -> None:
        """Change the classes of a source whose parts were changed.

        Raises:
            ValueError: A class that is to be kept is not there.
        """
        names = ['' if name is None else str(name) for name in index.classes]
        for name in self.only or ():
            if name not in names:
                raise ValueError(f'{path}: no class {name!r}, there are {", ".join(names)}')
        if self.as_class is not None:
            index.classes = [self.as_class] * len(names)


def name_classes(found: Annotations, classes: Sequence[str]) -> Annotations:
    """Write names for class ids.

    Args:
        found (Annotations): What a source holds.
        classes (Sequence[str]): Names, the first of id 0.

    Returns:
        Annotations: With names; entries that were names stay.

    Raises:
        ValueError: An id has no name, or a name is unknown.
    """
    resolve = ClassResolver(classes)
    names = []
    for value, place in zip(found.classes, found.first):
        try:
            names.append(value if value is None else classes[resolve(value)])
        except ValueError as error:
            raise ValueError(f'{found.path}: {place}: {error}') from None
    return replace(found, classes=tuple(names))


def keep_classes(found: Annotations, only: Sequence[str]) -> Annotations:
    """Leave out, and count, the marks and tags of all classes but some.

    Args:
        found (Annotations): What a source holds.
        only (Sequence[str]): The classes that stay.

    Returns:
        Annotations: Without the others; all images stay named.

    Raises:
        ValueError: One of the classes is not there.
    """
    names = np.array([*found.names(), ''], dtype=object)
    absent = [name for name in only if name not in names]
    if absent:
        raise ValueError(
            f'{found.path}: no class {absent[0]!r}, there are {", ".join(names[:-1])}'
        )
    marks = np.isin(names[found.clicks.label], only)
    tags = np.isin(names[found.tags.label], only)
    left_out = found.left_out.copy()
    for name in (*names[found.clicks.label][~marks], *names[found.tags.label][~tags]):
        left_out['class not asked for', name] += 1
    return replace(
        found,
        clicks=found.clicks.select(marks),
        tags=found.tags.select(tags),
        left_out=left_out,
    )
