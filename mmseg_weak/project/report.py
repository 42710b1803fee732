"""What `mmseg-weak init` says about photographs and labels."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..datasets.class_splits import BACKGROUND
from .matching import meant_class
from .survey import FEW, Survey

MAX_NAMES = 3
# Classes that have a line of their own: the first ones, and the rarest.
MAX_CLASSES, MAX_RARE = 12, 4
# Warnings of one sort.
MAX_LINES = 8


def describe(found: Survey) -> list[str]:
    """Facts, one a line."""
    long = found.sizes.max(1)
    kinds = ', '.join(f'{number} {suffix}' for suffix, number in found.suffixes.items())
    sides = f'{long.min()}' if long.min() == long.max() else f'{long.min()} to {long.max()}'
    photos = f'{len(found.photos)} photographs ({kinds})'
    lines = [f'{found.folder}: {photos}, long side {sides} pixels']
    if found.kind:
        totals, images = found.totals(), found.images_of()
        source = ', '.join(filter(None, (found.labels, found.tags)))
        head = f'{source}: {found.kind} in {len(found.marks)} photographs'
        lines.append(head + ', classes:')
        lines += _class_lines(found, totals, images)
    return lines


def _class_lines(found: Survey, totals: Counter, images: Counter) -> list[str]:
    """Counts of each class; of many the first ones and the rarest."""
    classes = [n for n in found.classes if n != BACKGROUND or not found.tags]
    rarest = sorted(classes, key=lambda name: (totals[name], images[name]))
    if len(rarest) > MAX_CLASSES + MAX_RARE:
        rarest = rarest[:MAX_RARE]
    first = [name for name in classes if name not in rarest][:MAX_CLASSES]
    shown = [*first, *rarest] if first else classes
    width, lines = max(map(len, shown)), []
    for name in shown:
        count = f'{_count(totals[name], "click")} in ' if found.kind == 'clicks' else ''
        seen = _count(images[name], 'photograph')
        lines.append(f'  {name:<{width}}  {count}{seen}{_source(found, name, images)}')
    if first:
        hidden = len(classes) - len(shown)
        lines.insert(len(first), f'  … and {hidden} more, the rarest:')
    return lines


def _source(found: Survey, name: str, images: Counter) -> str:
    """Beside masks and tags: which of them teach a class."""
    if not found.tags or name not in found.strong:
        return ', tags' if found.tags else ''
    drawn = sum(name in n and set(n) <= {*found.strong} for n in found.marks.values())
    return ', masks' if drawn == images[name] else f', masks of {drawn}'


def warnings(found: Survey) -> list[str]:
    """What is missing or looks wrong, one a line, most important first."""
    if not found.kind:
        return []
    lines = []
    totals, images = found.totals(), found.images_of()
    meant = [name for name in found.classes if name.casefold() == BACKGROUND]
    if meant and BACKGROUND not in meant:
        lines.append(
            f'class {meant[0]!r} is no background until it is called {BACKGROUND!r}'
        )
    elif found.kind == 'clicks' and BACKGROUND not in found.classes:
        lines.append(
            f'no class is called {BACKGROUND!r}: every pixel will be given one of '
            f'{_some(found.classes)}. If photographs show other things as well, click '
            f'two or three of them in each and call them {BACKGROUND!r}'
        )
    lines += _rare(found, totals, images)
    if found.kind == 'tags':
        lines += _useless_tags(found, images)
    if found.maskless:
        lines.append(
            f'{len(found.maskless)} of {len(found.photos)} photographs are tagged with '
            f'{_some(found.strong)} alone, have no mask in {found.labels} and are not '
            f'trained on (draw their masks): {_some(found.maskless)}'
        )
    used = {*found.marks, *found.maskless}
    bare = [photo for photo in found.photos if photo not in used]
    if bare:
        kind = found.kind.replace(' and ', ' or ')
        lines.append(
            f'{len(bare)} of {len(found.photos)} photographs have no {kind} and are '
            f'not trained on: {_some(bare)}'
        )
    if found.unknown:
        lines.append(
            f'{len(found.unknown)} names in {found.tags or found.labels} fit no '
            f'photograph, or several: {_some(found.unknown)}'
        )
    return lines + found.notes


def _rare(found: Survey, totals: Counter, images: Counter) -> list[str]:
    lines = []
    for name in sorted(found.classes, key=lambda name: totals[name]):
        meant = None if found.classes_given else meant_class(name, totals, FEW)
        if meant is not None:
            lines.append(
                f'class {name!r} has {totals[name]} beside {totals[meant]} of {meant!r}: '
                f'did you mean {meant}? Rename it in {found.tags or found.labels}, or '
                'give --classes'
            )
        elif not totals[name] and not (found.tags and name == BACKGROUND):
            lines.append(f'class {name!r} is never labelled: it will not be learnt')
        elif found.kind == 'clicks' and totals[name] < FEW:
            lines.append(
                f'class {name!r} has {_count(totals[name], "click")} in '
                f'{_count(images[name], "photograph")}: click it at least {FEW} times'
            )
        elif found.kind != 'clicks' and images[name] < FEW and name != BACKGROUND:
            number = _count(images[name], 'photograph')
            lines.append(f'class {name!r} is in only {number}')
    return _capped(lines)


def _capped(lines: list[str]) -> list[str]:
    """The first of many lines that say the same of one class each."""
    if len(lines) <= MAX_LINES:
        return lines
    hidden = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], f'… and likewise for {hidden} more classes']


def _useless_tags(found: Survey, images: Counter) -> list[str]:
    """Tags teach by their absence as well."""
    number = len(found.marks)
    lines = [
        f'class {name!r} is in all {number} photographs: tags cannot teach where it is; '
        'click it instead'
        for name in found.classes
        if name != BACKGROUND and images[name] == number and number > 1
    ]
    return _capped(lines)


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}' + ('' if number == 1 else 's')


def _some(names: Sequence[str]) -> str:
    return ', '.join(names[:MAX_NAMES]) + (' …' if len(names) > MAX_NAMES else '')


def held_out(
    found: Survey, share: float = 0.2, seed: int = 0, most: int = 200
) -> list[str]:
    """Labelled photographs that are kept for scoring.

    A photograph is kept only if each of its classes stays in two others at least.

    Args:
        found (Survey): Photographs and labels.
        share (float): Of the labelled photographs, in [0, 1). Defaults to 0.2.
        seed (int): Of the draw. Defaults to 0.
        most (int): Most photographs. Defaults to 200.

    Returns:
        list[str]: Sorted.
    """
    labelled = sorted(found.marks)
    wanted = min(most, round(share * len(labelled)))
    left, chosen = found.images_of(), []
    for i in np.random.default_rng(seed).permutation(len(labelled)):
        counts = found.marks[labelled[i]]
        if len(chosen) < wanted and all(left[name] > 2 for name in counts):
            chosen.append(labelled[i])
            left.subtract(dict.fromkeys(counts, 1))
    return sorted(chosen)
