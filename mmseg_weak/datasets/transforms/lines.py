"""Scribbles on their way: lines of several points, cut at the frame, drawn at the end."""

import numpy as np


def cut_marks(
    xy: np.ndarray, strokes: np.ndarray, size: tuple[float, float], margin: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut clicks and lines to a frame.

    Transforms that clip coordinates at the border would bend a line that leaves the image,
    so it is cut before. A line inside stays as it is, one that leaves becomes pieces of two
    points; a click outside is dropped.

    Args:
        xy (np.ndarray): (n, 2) column and row of all points.
        strokes (np.ndarray): (n,) number of the mark of each point; the points of a line
            are neighbours.
        size (tuple[float, float]): Width and height of the frame.
        margin (float): Pieces end so far (px) before the border. Defaults to 0.

    Returns:
        tuple: (m, 2) points inside, (m,) their mark, (m,) the row of ``xy`` of each.
    """
    inside = ((xy >= 0) & (xy < np.array(size))).all(axis=1)
    if inside.all():
        return xy, strokes, np.arange(len(xy))
    lines, counts = np.unique(strokes, return_counts=True)
    outside = np.isin(lines, strokes[~inside])
    leaves = np.isin(strokes, lines[outside & (counts > 1)])
    kept = np.flatnonzero(inside & ~leaves)
    first = np.flatnonzero(leaves[:-1] & (strokes[:-1] == strokes[1:]))
    start, step = xy[first], xy[first + 1] - xy[first]
    enter, leave = _inside_part(start, step, size, margin)
    through = enter <= leave
    first, start, step = first[through], start[through], step[through]
    ends = np.stack([enter[through], leave[through]], axis=1)
    pieces = start[:, None] + ends[..., None] * step[:, None]
    number = strokes.max(initial=-1) + 1 + np.arange(len(first))
    return (
        np.concatenate([xy[kept], pieces.reshape(-1, 2).clip(0, size)]),
        np.concatenate([strokes[kept], np.repeat(number, 2)]),
        np.concatenate([kept, np.repeat(first, 2)]),
    )


def _inside_part(
    start: np.ndarray, step: np.ndarray, size: tuple[float, float], margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where segments enter and leave a frame, as shares of their length (Liang-Barsky)."""
    far = np.array(size, dtype=float) - margin
    moves = np.where(step == 0, 1.0, step)
    low, high = (margin - start) / moves, (far - start) / moves
    low, high = np.minimum(low, high), np.maximum(low, high)
    still, within = step == 0, (start >= margin) & (start <= far)
    low = np.where(still, np.where(within, -np.inf, np.inf), low)
    high = np.where(still, np.where(within, np.inf, -np.inf), high)
    return low.max(axis=1).clip(min=0), high.min(axis=1).clip(max=1)


def pixels_of_marks(xy: np.ndarray, strokes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels that clicks and lines go through.

    Lines are sampled at half a pixel, so one that only grazes a corner may leave its pixel
    out.

    Args:
        xy (np.ndarray): (n, 2) column and row of all points.
        strokes (np.ndarray): (n,) number of the mark of each point.

    Returns:
        tuple: (m, 2) int64 column and row, each pixel of a mark once; (m,) the row of
        ``xy`` it belongs to.
    """
    same = strokes[:-1] == strokes[1:]
    first = np.flatnonzero(same)
    step = xy[first + 1] - xy[first]
    number = np.ceil(2 * np.abs(step).max(axis=1, initial=0)).astype(int) + 1
    row = np.repeat(first, number)
    share = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
    share = share / np.repeat(number, number)
    points = np.concatenate(
        [xy, xy[row] + share[:, None] * np.repeat(step, number, axis=0)]
    )
    rows = np.concatenate([np.arange(len(xy)), row])
    pixels = np.floor(points).astype(np.int64)
    keys = np.concatenate([strokes[rows][:, None], pixels], axis=1)
    once = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    return pixels[once], rows[once]
