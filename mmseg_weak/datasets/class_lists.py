"""The class list of a data set of weak labels, and which of the classes is background."""

from collections.abc import Mapping, Sequence

from ..constants import IGNORE_INDEX
from .class_splits import BACKGROUND

# The background is the class called so, if there is one.
BY_NAME = 'by_name'


def check_class_list(owner: str, classes: object, example: str) -> None:
    """Refuse a list that labels of one byte cannot mean.

    Args:
        owner (str): Type of the data set, for the message.
        classes: ``metainfo['classes']``.
        example (str): What they may look like, for the message.

    Raises:
        ValueError: There is none, a name stands twice, or there are too many.
    """
    if not classes or not isinstance(classes, Sequence) or isinstance(classes, str):
        raise ValueError(
            f'{owner} needs metainfo=dict(classes={example}) to know what its labels '
            f'mean, got {classes!r}'
        )
    if len(set(classes)) < len(classes):
        raise ValueError(f'classes are not distinct: {", ".join(classes)}')
    if len(classes) > IGNORE_INDEX:
        raise ValueError(
            f'{len(classes)} classes; label maps of one byte hold {IGNORE_INDEX}'
        )


def find_background(
    classes: Sequence[str], background: str | int | None = BY_NAME
) -> int | None:
    """Index of the background class.

    Args:
        classes (Sequence[str]): Class names.
        background (str | int, optional): Its name or index, None when every class is one of
            things, or ``'by_name'``: the class called ``'background'``, if there is one.
            Defaults to ``'by_name'``.

    Returns:
        int | None: The index, None when there is no background class.

    Raises:
        ValueError: There is no such class, or the one called background is another.
    """
    named = list(classes).index(BACKGROUND) if BACKGROUND in classes else None
    if isinstance(background, str) and background == BY_NAME:
        return named
    if isinstance(background, str):
        index = list(classes).index(background) if background in classes else -1
    else:
        index = background
    if index is not None and (isinstance(index, bool) or not 0 <= index < len(classes)):
        raise ValueError(
            f'background={background!r} is none of the classes {", ".join(classes)}; take '
            "one of them, None if every class is one of things, or 'by_name'"
        )
    if named is not None and index != named:
        raise ValueError(
            f'background={background!r}, and class {named} is called {BACKGROUND!r}: '
            f'leave the option out, or give that class another name'
        )
    return index


def background_of(metainfo: Mapping) -> int | None:
    """Index of the background class of a data set, None when there is none.

    Args:
        metainfo (Mapping): Of any data set: ``classes`` and, where the name does not tell,
            ``background`` (name, index or None).

    Raises:
        ValueError: See :func:`find_background`.
    """
    classes = metainfo.get('classes') or ()
    return find_background(classes, metainfo.get('background', BY_NAME))
