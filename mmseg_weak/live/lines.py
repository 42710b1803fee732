"""Lines on photographs."""

import numpy as np


def along(points: np.ndarray, step: float) -> np.ndarray:
    """Points at equal distances of at most ``step`` along a line, (n, 2) float64."""
    if len(points) < 2:
        return points
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    places = np.linspace(0, length[-1], int(np.ceil(length[-1] / step)) + 1)
    return np.stack([np.interp(places, length, axis) for axis in points.T], 1)
