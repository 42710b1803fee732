"""Label budgets: which of the available clicks a run may use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from .._ranges import Interval, check_ranges
from .click_table import ClickTable

FromOne = Annotated[int, Interval(1, says='a whole number from 1')]
Fraction = Annotated[float, Interval(0, 1, is_open=True)]


@check_ranges
@dataclass(frozen=True)
class ClickBudget:
    """Limits on the clicks of a data set, applied in the order of the attributes.

    Attributes:
        max_rank (int, optional): Highest rank that stays; clicks without one stay.
        clicks_per_class (int, optional): Most clicks of one class in one image.
        image_fraction (float): Share of the clicked images that keep their clicks.
        click_fraction (float): Share of all clicks that stay.
        seed (int): Seed of the two draws.

    Raises:
        ValueError: A limit is out of its range.
    """

    max_rank: FromOne | None = None
    clicks_per_class: FromOne | None = None
    image_fraction: Fraction = 1.0
    click_fraction: Fraction = 1.0
    seed: Annotated[int, Interval(0, says='a whole number from 0')] = 0

    @property
    def draws(self) -> bool:
        """Whether a limit needs all images at once."""
        return min(self.image_fraction, self.click_fraction) < 1

    def steps(self) -> Iterator[tuple[str, Callable[[ClickTable], np.ndarray]]]:
        """Yield the name of each limit and the function that marks what stays."""
        yield 'max_rank', _of_classes(lambda clicks: limit_rank(clicks, self.max_rank))
        yield (
            'clicks_per_class',
            _of_classes(lambda clicks: limit_per_class(clicks, self.clicks_per_class)),
        )
        yield (
            'image_fraction',
            lambda clicks: sample_images(clicks, self.image_fraction, self.seed),
        )
        yield (
            'click_fraction',
            lambda clicks: sample_clicks(clicks, self.click_fraction, self.seed),
        )


def _of_classes(choose: Callable) -> Callable[[ClickTable], np.ndarray]:
    """A limit for the marks that name a class; those that say "not this class" stay."""

    def chosen(clicks: ClickTable) -> np.ndarray:
        keep = clicks.negative.copy()
        keep[~clicks.negative] = choose(clicks.select(~clicks.negative))
        return keep

    return chosen


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
    group = clicks.image_index.astype(np.int64) * (clicks.label.max() + 1) + clicks.label
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
    if fraction >= 1:
        return np.ones(len(clicks), dtype=bool)
    number, index = _by_name(clicks)
    return _sample(number, fraction, (seed, 0))[index]


def sample_clicks(clicks: ClickTable, fraction: float, seed: int) -> np.ndarray:
    """Keep a seeded ``fraction`` of the clicks, drawn over the whole data set.

    With one seed, the clicks of a smaller fraction are among those of a larger one.

    Returns:
        np.ndarray: (n,) bool, True where the click stays.
    """
    if fraction >= 1:
        return np.ones(len(clicks), dtype=bool)
    order = np.argsort(_by_name(clicks)[1], kind='stable')
    keep = np.empty(len(clicks), dtype=bool)
    keep[order] = _sample(len(clicks), fraction, (seed, 1))
    return keep


def _by_name(clicks: ClickTable) -> tuple[int, np.ndarray]:
    """Number of clicked images, and the position of each click's among them by name.

    In a canonical order, so that the order of the images in a file changes nothing.
    """
    used, index = np.unique(clicks.image_index, return_inverse=True)
    names = [clicks.images[i] for i in used.tolist()]
    place = np.empty(len(used), dtype=np.int64)
    place[sorted(range(len(used)), key=names.__getitem__)] = np.arange(len(used))
    return len(used), place[index]


def _sample(total: int, fraction: float, seed: tuple[int, int]) -> np.ndarray:
    """Mark ``round(total * fraction)`` of ``total`` items, at least one."""
    if fraction >= 1 or not total:
        return np.ones(total, dtype=bool)
    # A generator of its own: every process and worker must draw the same labels.
    priority = np.random.default_rng(seed).permutation(total)
    return priority < max(1, round(total * fraction))
