"""From the table of marks to what each image brings into the pipeline."""

from collections.abc import Sequence

import numpy as np

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
    codes = dict(zip(clicks.images, clicks.vocabulary.tolist()))
    lists = {KNOWS_ALL: None, **dict(enumerate(vocabularies))}
    known = {image: lists[codes.get(image, KNOWS_ALL)] for image in images}
    lines = bool(clicks.is_line().any())
    partial = any(classes is not None for classes in known.values())
    negatives = partial or bool(clicks.negative.any())
    order = np.argsort(clicks.image_index, kind='stable')
    ends = np.cumsum(np.bincount(clicks.image_index, minlength=len(clicks.images)))
    rows = dict(zip(clicks.images, np.split(order, ends[:-1]) if len(ends) else []))
    samples = []
    for image in images:
        marks = clicks.select(rows.get(image, np.zeros(0, np.int64)))
        sample = _one_image(marks, known[image], background)
        if not negatives:
            del sample['click_negatives']
        if not lines:
            del sample['click_strokes']
        if partial:
            sample['known_classes'] = known[image]
        samples.append(sample)
    return samples


def _one_image(
    marks: ClickTable, known: tuple[int, ...] | None, background: int | None
) -> dict:
    label, negative = marks.label, marks.negative
    pick = np.arange(len(marks))
    if known is not None and background is not None:
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
