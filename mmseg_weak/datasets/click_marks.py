"""From the table of marks to what each image brings into the pipeline."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .click_set import ClickSet, Columns
from .click_table import KNOWS_ALL, ClickTable


def marks_inside(clicks: ClickTable, size: np.ndarray) -> np.ndarray:
    """Marks with a point inside their image.

    Args:
        clicks (ClickTable): n marks.
        size (np.ndarray): (n, 2) width and height of the image of each.

    Returns:
        np.ndarray: (n,) bool.
    """
    if not len(clicks):
        return np.zeros(0, dtype=bool)
    points = clicks.points
    inside = (points >= 0).all(1) & (points < size[clicks.point_rows()]).all(1)
    return np.logical_or.reduceat(inside, clicks.start[:-1])


def split_marks(
    clicks: ClickTable,
    images: Sequence[str],
    vocabularies: Sequence[tuple[int, ...]],
    background: int | None,
) -> list[dict]:
    """Marks of each image, one row a point.

    Where an image was searched for some classes only, a click on its background says no
    more than that none of these is there.

    Args:
        clicks (ClickTable): Labels as trained.
        images (Sequence[str]): Ids of the images.
        vocabularies (Sequence[tuple[int, ...]]): Those of ``clicks``, as trained.
        background (int, optional): Index of the background class.

    Returns:
        list[dict]: Per image ``clicks`` ((n, 2) float32 x and y), ``click_labels`` ((n,)
        int64) and, where the data set has any, ``click_strokes`` ((n,) int64, equal for the
        points of one scribble), ``click_negatives`` ((n,) bool, "not this class") and
        ``known_classes`` (tuple that was searched for, None: all).
    """
    listed = MarksOfTable(clicks, images).take(0, len(images))
    columns = Columns()
    columns.append(listed, listed.vocabulary)
    whole = ClickSet(images, images, columns.finish(), list(vocabularies))
    return [sample_marks(whole, i, background) for i in range(len(images))]


def sample_marks(
    clicks: ClickSet,
    index: int,
    background: int | None,
    size: np.ndarray | None = None,
) -> dict:
    """What one image brings into the pipeline; see :func:`split_marks`.

    Args:
        clicks (ClickSet): Of all images.
        index (int): The image.
        background (int, optional): Index of the background class.
        size (np.ndarray, optional): Its width and height, to multiply positions by.
            Defaults to None: they are in pixels.
    """
    known, marks = clicks.known(index), clicks.marks(index)
    if size is not None:
        marks.points = marks.points * size
    sample = _one_image(marks, known, background)
    if not clicks.negatives:
        del sample['click_negatives']
    if not clicks.lines:
        del sample['click_strokes']
    if clicks.partial:
        sample['known_classes'] = known
    return sample


class MarksOfTable:
    """Marks in memory, by the images of a list.

    Args:
        clicks (ClickTable): Marks of any images.
        images (Sequence[str]): Ids of the list.

    Attributes:
        total (int): Number of marks, those of images that are not listed too.
        seen (list[str]): Some of the images that have marks.
    """

    fractions = False
    in_memory = True

    def __init__(self, clicks: ClickTable, images: Sequence[str]) -> None:
        place = {name: i for i, name in enumerate(images)}
        self.images = images
        row = np.array([place.get(name, -1) for name in clicks.images], dtype=np.int64)
        self.vocabulary = np.full(len(images), KNOWS_ALL, dtype=np.int32)
        self.vocabulary[row[row >= 0]] = clicks.vocabulary[row >= 0]
        of_mark = row[clicks.image_index]
        order = np.argsort(of_mark, kind='stable')
        self.total, unlisted = len(clicks), int((of_mark < 0).sum())
        clicked = np.unique(clicks.image_index)
        self.seen = sorted(clicks.images[i] for i in clicked.tolist())[:2]
        self.clicks = clicks.select(order[unlisted:])
        self.row = of_mark[order[unlisted:]]

    def take(self, first: int, last: int) -> ClickTable:
        """Marks of images ``first`` to ``last`` of the list, in their order."""
        begin, end = np.searchsorted(self.row, (first, last)).tolist()
        part = self.clicks.select(np.arange(begin, end))
        return replace(
            part,
            images=tuple(self.images[first:last]),
            image_index=(self.row[begin:end] - first).astype(np.int32),
            vocabulary=self.vocabulary[first:last],
        )


def _one_image(
    marks: ClickTable, known: tuple[int, ...] | None, background: int | None
) -> dict:
    label, negative = marks.label, marks.negative
    chosen = marks
    if known is not None and background is not None:
        pick = np.arange(len(marks))
        unsure = (label == background) & ~negative
        absent = np.array([c for c in known if c != background], dtype=np.int64)
        pick = np.concatenate([pick[~unsure], np.repeat(pick[unsure], len(absent))])
        label = np.concatenate([label[~unsure], np.tile(absent, unsure.sum())])
        negative = np.concatenate(
            [negative[~unsure], np.ones(len(absent) * int(unsure.sum()), dtype=bool)]
        )
        chosen = marks.select(pick)
    mark = chosen.point_rows()
    return dict(
        clicks=chosen.points.astype(np.float32),
        click_labels=label[mark],
        click_strokes=mark.astype(np.int64),
        click_negatives=negative[mark],
    )
