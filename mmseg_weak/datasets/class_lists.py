"""The class list of a data set of weak labels."""

from collections.abc import Sequence

from ..constants import IGNORE_INDEX


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
