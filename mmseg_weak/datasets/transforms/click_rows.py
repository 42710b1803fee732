"""How clicks travel through transforms that know nothing of them.

mmcv and mmseg move one kind of coordinates in all their transforms: the rows of
``results['gt_bboxes']`` (mmseg's RandomFlip leaves ``gt_keypoints`` where they were). So
from ``LoadClicks`` to ``RasterizeClicks`` each click is an empty box ``(x, y, x, y)``
*behind* the real boxes of the image, and nobody reads those rows but the functions here.
Before and after, clicks stand in ``results['clicks']`` and real boxes alone in
``gt_bboxes``.
"""

import numpy as np

from .lines import cut_marks

BOXES = 'gt_bboxes'
# How many real boxes stand before the first click, and their dtype.
MARK = '_boxes_before_clicks'
# What else there is of each click; filtered together. The points of a scribble have one
# number in ``click_strokes``; marks that say "not this class" are True in
# ``click_negatives``. Both are there only where a data set has such marks.
CLICK_KEYS = ('click_labels', 'click_strokes', 'click_negatives')


def attach_clicks(results: dict, xy: np.ndarray) -> None:
    """Put clicks behind the real boxes, if there are any.

    Args:
        results (dict): A sample; ``gt_bboxes`` is replaced, ``clicks`` taken out.
        xy (np.ndarray): (n, 2) float column and row.

    Raises:
        ValueError: ``gt_bboxes`` are no (m, 4) array.
    """
    boxes = results.get(BOXES)
    if boxes is None:
        results[MARK] = None
        boxes = np.zeros((0, 4))
    elif not isinstance(boxes, np.ndarray) or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f'{results.get("img_path")}: gt_bboxes are no (n, 4) array, got '
            f'{type(boxes).__name__}; clicks travel with boxes of mmcv'
        )
    else:
        results[MARK] = (len(boxes), boxes.dtype)
    results.pop('clicks', None)
    rows = np.concatenate([xy, xy], axis=1, dtype=np.float64)
    results[BOXES] = np.concatenate([boxes, rows])


def are_attached(results: dict) -> bool:
    """Whether the clicks of a sample are on their way."""
    return MARK in results


def click_xy(results: dict) -> np.ndarray:
    """Positions of the clicks in ``results``, (n, 2) float64 column and row.

    Raises:
        ValueError: There are none because ``LoadClicks`` is missing or behind, or a
            transform has dropped or replaced boxes.
    """
    path = results.get('img_path')
    if MARK not in results:
        raise ValueError(
            f'{path}: no clicks on their way here; put it behind LoadClicks and before '
            'RasterizeClicks'
        )
    rows = results[BOXES][_first(results) :]
    if len(rows) != len(results['click_labels']):
        raise ValueError(
            f'{path}: {len(results["click_labels"])} clicks have become {len(rows)}: a '
            'transform behind LoadClicks drops or replaces gt_bboxes. Load real boxes '
            'before LoadClicks, filter them behind RasterizeClicks'
        )
    return rows[:, :2]


def move_clicks(results: dict, offset: tuple[float, float], size: tuple[int, int]) -> None:
    """Shift clicks and real boxes into a window; the boxes are cut to it, none is dropped.

    Args:
        results (dict): A sample.
        offset (tuple[float, float]): Left and top of the window.
        size (tuple[int, int]): Width and height of the window.
    """
    boxes = results[BOXES] - np.tile(offset, 2)
    first = _first(results)
    boxes[:first] = boxes[:first].clip(0, np.tile(size, 2))
    results[BOXES] = boxes


def place_clicks(results: dict, xy: np.ndarray) -> None:
    """Give the clicks of ``results`` other positions, (n, 2)."""
    real = results[BOXES][: _first(results)]
    results[BOXES] = np.concatenate([real, np.concatenate([xy, xy], axis=1)])


def cut_clicks(results: dict, margin: float) -> None:
    """Drop clicks outside the image and cut lines at its border.

    Args:
        results (dict): A sample with ``img``.
        margin (float): Cut lines end so far (px) before the border.
    """
    xy, size = click_xy(results), results['img'].shape[1::-1]
    strokes = results.get('click_strokes', np.arange(len(xy)))
    xy, strokes, rows = cut_marks(xy, strokes, size, margin)
    for key in CLICK_KEYS:
        if key in results:
            results[key] = results[key][rows]
    if 'click_strokes' in results:
        results['click_strokes'] = strokes
    place_clicks(results, xy)


def keep_clicks(results: dict, keep: np.ndarray) -> None:
    """Drop the clicks that are not marked from ``results``; real boxes stay.

    Args:
        results (dict): A sample.
        keep (np.ndarray): (n,) bool.
    """
    real = np.ones(_first(results), dtype=bool)
    results[BOXES] = results[BOXES][np.concatenate([real, keep])]
    for key in CLICK_KEYS:
        if key in results:
            results[key] = results[key][keep]


def detach_clicks(results: dict) -> None:
    """Write ``clicks`` ((n, 2) float32) and leave the real boxes alone in ``gt_bboxes``.

    Nothing happens when no click is on its way.
    """
    if MARK not in results:
        return
    results['clicks'] = click_xy(results).astype(np.float32)
    first = _first(results)
    mark = results.pop(MARK)
    boxes = results.pop(BOXES)[:first]
    if mark is not None:
        exact = boxes.astype(mark[1])
        results[BOXES] = exact if (exact == boxes).all() else boxes


def _first(results: dict) -> int:
    mark = results[MARK]
    return 0 if mark is None else mark[0]
