"""Ranges of rows, one behind the other: the points of marks, the marks of images."""

import numpy as np


def starts(lengths: np.ndarray) -> np.ndarray:
    """(n + 1,) int64 beginnings of ``n`` ranges of some lengths, and the last one's end."""
    start = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=start[1:])
    return start


def take_ranges(start: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of some of the ranges that ``start`` parts an array into.

    Args:
        start (np.ndarray): (n + 1,) beginnings and end.
        index (np.ndarray): (k,) the ranges wanted.

    Returns:
        tuple[np.ndarray, np.ndarray]: (k + 1,) int64 beginnings in what is taken, and its
        rows in the array.

    Raises:
        IndexError: ``start`` does not ascend there, as that of a damaged file.
    """
    first = start[index]
    length = start[index + 1] - first
    if len(first) and (min(first.min(), length.min()) < 0 or first.max() > start[-1]):
        raise IndexError('beginnings of ranges do not ascend')
    if (length > start[-1] - first).any():
        raise IndexError('ranges end behind the last row')
    begin = starts(length)
    return begin, np.arange(begin[-1]) + np.repeat(first - begin[:-1], length)
