"""Wrong classes for a share of real clicks, to measure what annotators' errors cost."""

from collections.abc import Sequence

import numpy as np

from .click_simulation import image_generator
from .click_table import ClickTable


def confuse_classes(
    clicks: ClickTable, classes: Sequence[int], share: float, seed: int = 0
) -> ClickTable:
    """Give a share of the clicks another class, drawn evenly from ``classes``.

    Every image has a generator of its own. The errors of a smaller share are among those
    of a larger one, with the same wrong classes, so that shares compare.

    Args:
        clicks (ClickTable): Clicks of many images.
        classes (Sequence[int]): Ids that are mixed up, two at least; clicks of others,
            such as background, stay as they are.
        share (float): Probability that a click is wrong, in [0, 1].
        seed (int): Seed, >= 0. Defaults to 0.

    Returns:
        ClickTable: A copy with other labels.

    Raises:
        ValueError: Fewer than two classes, or the share is out of range.

    Example:
        >>> clicks = ClickTable.from_rows([('a', 1.0, 2.0, 1, 0)])
        >>> confuse_classes(clicks, [1, 2], share=1.0).label
        array([2])
    """
    classes = sorted(set(classes))
    if len(classes) < 2:
        raise ValueError(f'two classes at least can be mixed up, got {classes}')
    if not 0 <= share <= 1:
        raise ValueError(f'share must be in [0, 1], got {share}')
    confused = clicks.select(np.arange(len(clicks)))
    generators = {
        image: image_generator(seed, image) for image in dict.fromkeys(clicks.image)
    }
    for i, (image, label) in enumerate(zip(clicks.image, clicks.label)):
        # Drawn in any case: a share must not change the draws of later clicks.
        chance, which = generators[image].random(2)
        if chance < share and label in classes:
            others = [c for c in classes if c != label]
            confused.label[i] = others[int(which * len(others))]
    return confused
