"""Which classes have masks (strong) and which only tags (weak)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmseg.datasets import COCOStuffDataset, PascalVOCDataset

from ..constants import IGNORE_INDEX

BACKGROUND = 'background'
VOC_CLASSES = list(PascalVOCDataset.METAINFO['classes'][1:])
# The things of COCO come first in COCO-Stuff.
COCO_CLASSES: tuple[str, ...] = tuple(COCOStuffDataset.METAINFO['classes'][:80])
_OTHER_NAMES = dict(
    aeroplane='airplane',
    diningtable='dining table',
    motorbike='motorcycle',
    pottedplant='potted plant',
    sofa='couch',
    tvmonitor='tv',
)
# COCO's names of the twenty VOC classes, in VOC's order.
VOC_IN_COCO = [_OTHER_NAMES.get(name, name) for name in VOC_CLASSES]
COCO_TO_VOC: Mapping[str, str] = dict(zip(VOC_IN_COCO, VOC_CLASSES))
# The 60 COCO classes that VOC does not have, in COCO's order.
COCO_60 = [name for name in COCO_CLASSES if name not in VOC_IN_COCO]
_SPLIT_3 = ['aeroplane', 'bicycle', 'bus', 'cat', 'chair', 'cow']
_SPLIT_1 = sorted([*_SPLIT_3, 'bottle', 'car', 'horse', 'tvmonitor'])


def _complement(names: Sequence[str]) -> list[str]:
    return [name for name in VOC_CLASSES if name not in names]


# Name to (strong, weak). pascal-5i: the novel classes of a fold are the weak ones.
CLASS_SPLITS: Mapping[str, tuple[list[str], list[str]]] = {
    'voc-1': (_SPLIT_1, _complement(_SPLIT_1)),
    'voc-2': (_complement(_SPLIT_1), _SPLIT_1),
    'voc-3': (_SPLIT_3, _complement(_SPLIT_3)),
    'voc-4': (COCO_60, VOC_CLASSES),
    **{
        f'pascal-5i-{i}': (
            _complement(VOC_CLASSES[5 * i : 5 * i + 5]),
            VOC_CLASSES[5 * i : 5 * i + 5],
        )
        for i in range(4)
    },
}


@dataclass(frozen=True)
class StrongWeakClasses:
    """Trained classes and which of them are strong.

    Attributes:
        classes (tuple[str, ...]): All, background included.
        strong (tuple[int, ...]): Indices of the strong classes.
        weak (tuple[int, ...]): Indices of the weak classes.
        background (int): Index of the background class.
    """

    classes: tuple[str, ...]
    strong: tuple[int, ...]
    weak: tuple[int, ...]
    background: int

    @classmethod
    def resolve(
        cls,
        classes: Sequence[str],
        strong_classes: Sequence[str] = (),
        weak_classes: Sequence[str] = (),
        split: str | None = None,
    ) -> 'StrongWeakClasses':
        """Find the classes of two lists, or of a named split, among those trained.

        Args:
            classes (Sequence[str]): All trained classes with ``'background'``.
            strong_classes (Sequence[str]): Names of the strong classes.
            weak_classes (Sequence[str]): Names of the weak classes.
            split (str, optional): Name in ``CLASS_SPLITS`` instead of the two lists.

        Returns:
            StrongWeakClasses: The indices.

        Raises:
            ValueError: The split is unknown or given beside lists; a class is unknown,
                in both lists, in neither or twice in one; a list is empty.
        """
        if split is not None:
            if strong_classes or weak_classes:
                raise ValueError(
                    f'give split={split!r} or strong_classes and weak_classes, not both'
                )
            if split not in CLASS_SPLITS:
                raise ValueError(
                    f'split {split!r} is unknown, there are {", ".join(CLASS_SPLITS)}'
                )
            strong_classes, weak_classes = CLASS_SPLITS[split]
        _check_lists(tuple(classes), tuple(strong_classes), tuple(weak_classes))
        index = {name: i for i, name in enumerate(classes)}
        return cls(
            tuple(classes),
            tuple(sorted(index[name] for name in strong_classes)),
            tuple(sorted(index[name] for name in weak_classes)),
            index[BACKGROUND],
        )


def _check_lists(classes: tuple, strong: tuple, weak: tuple) -> None:
    if BACKGROUND not in classes:
        raise ValueError(
            f"the classes need 'background' (class_map can name one of them so), they are "
            f'{", ".join(classes)}'
        )
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise ValueError(f'the classes name {", ".join(twice)} twice')
    foreground = [name for name in classes if name != BACKGROUND]
    for kind, names in (('strong', strong), ('weak', weak)):
        if not names:
            raise ValueError(f'there is no {kind} class; name some in {kind}_classes')
        if len(set(names)) < len(names):
            raise ValueError(f'{kind}_classes name a class twice: {", ".join(names)}')
        unknown = [name for name in names if name not in foreground]
        if unknown:
            raise ValueError(
                f'{kind}_classes: {", ".join(unknown)} not among the classes '
                f'{", ".join(foreground)}'
            )
    both = [name for name in strong if name in weak]
    if both:
        raise ValueError(f'{", ".join(both)} cannot be both strong and weak')
    neither = [name for name in foreground if name not in strong and name not in weak]
    if neither:
        raise ValueError(
            f'{", ".join(neither)} neither strong nor weak; list every class once, or take '
            'it out of metainfo'
        )


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
