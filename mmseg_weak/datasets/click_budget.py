"""Label budgets: which of the available clicks a run may use."""

from collections.abc import Iterator

import numpy as np

from .click_formats import ClickTable


def limit_rank(clicks: ClickTable, max_rank: int | None) -> np.ndarray:
    """Keep clicks of rank <= ``max_rank`` and clicks without a rank.

    Returns:
        np.ndarray: (n,) bool, True where the click stays.
    """
    if max_rank is None:
        return np.ones(len(clicks), dtype=bool)
    return clicks.rank <= max_rank


def limit_per_class(clicks: ClickTable, clicks_per_class: int | None) -> np.ndarray:
    """Keep the first ``clicks_per_class`` clicks of each class in each image.

    First means lowest rank, then the order of the files.

    Returns:
        np.ndarray: (n,) bool, True where the click stays.
    """
    keep = np.ones(len(clicks), dtype=bool)
    if clicks_per_class is None or not len(clicks):
        return keep
    image = np.unique(clicks.image, return_inverse=True)[1]
    group = image * (clicks.label.max() + 1) + clicks.label
    order = np.lexsort((clicks.rank, group))  # stable: file order breaks ties
    start = np.flatnonzero(np.diff(group[order], prepend=-1))
    size = np.diff(start, append=len(order))
    keep[order] = np.arange(len(order)) - np.repeat(start, size) < clicks_per_class
    return keep


def sample_images(clicks: ClickTable, fraction: float, seed: int) -> np.ndarray:
    """Keep all clicks of a seeded ``fraction`` of the clicked images.

    With one seed, the images of a smaller fraction are among those of a larger one.

    Returns:
        np.ndarray: (n,) bool, True where the click stays.
    """
    images, index = np.unique(clicks.image, return_inverse=True)
    return _sample(len(images), fraction, (seed, 0))[index]


def sample_clicks(clicks: ClickTable, fraction: float, seed: int) -> np.ndarray:
    """Keep a seeded ``fraction`` of the clicks, drawn over the whole data set.

    With one seed, the clicks of a smaller fraction are among those of a larger one.

    Returns:
        np.ndarray: (n,) bool, True where the click stays.
    """
    # Canonical order, so that the order of the images in a file changes nothing.
    index = np.unique(clicks.image, return_inverse=True)[1]
    order = np.argsort(index, kind='stable')
    keep = np.empty(len(clicks), dtype=bool)
    keep[order] = _sample(len(clicks), fraction, (seed, 1))
    return keep


def _sample(total: int, fraction: float, seed: tuple[int, int]) -> np.ndarray:
    """Mark ``round(total * fraction)`` of ``total`` items, at least one."""
    if fraction >= 1 or not total:
        return np.ones(total, dtype=bool)
    # A generator of its own: every process and worker must draw the same labels.
    priority = np.random.default_rng(seed).permutation(total)
    return priority < max(1, round(total * fraction))


def budget_steps(
    max_rank: int | None,
    clicks_per_class: int | None,
    image_fraction: float,
    click_fraction: float,
    seed: int,
) -> Iterator[tuple[str, callable]]:
    """Name and keep-function of each limit, in the order in which they apply."""
    yield 'rank', lambda clicks: limit_rank(clicks, max_rank)
    yield 'clicks_per_class', lambda clicks: limit_per_class(clicks, clicks_per_class)
    yield 'image_fraction', lambda clicks: sample_images(clicks, image_fraction, seed)
    yield 'click_fraction', lambda clicks: sample_clicks(clicks, click_fraction, seed)
