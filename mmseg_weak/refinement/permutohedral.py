"""High-dimensional Gaussian filtering on the permutohedral lattice.

Adams, Baek, Davis: "Fast High-Dimensional Filtering Using the Permutohedral Lattice",
Eurographics 2010. The lattice of a set of features is built once and then filters any
number of signals: splat to the lattice vertices, blur along each lattice direction,
slice back.

The kernels are compiled by numba at first use. They are single-threaded (labels are
made by several processes) and release the GIL.
"""

import numpy as np

from ._jit import jit
from .lattice_vertices import embed, find_neighbors


class PermutohedralLattice:
    """Symmetrically normalised Gaussian filter over a set of feature vectors.

    The filter is N K N with K the Gaussian kernel of unit standard deviation and N the
    diagonal of 1 / sqrt(K 1 + 1e-20).

    Args:
        features (np.ndarray): Shape (P, d), finite, each dimension divided by the
            standard deviation wanted in it.
        gain (float): Factor > 0 of all that is filtered. Defaults to 1.
    """

    def __init__(self, features: np.ndarray, gain: float = 1.0) -> None:
        features = np.ascontiguousarray(features, dtype=np.float32)
        self._vertices, self._weights, keys = embed(features)
        self._neighbors = find_neighbors(keys)
        density = self.filter(np.ones((len(features), 1), np.float32))
        # Splat and slice each multiply by N, so it can be part of the weights, and so can
        # the root of the gain. The constant gain of the blur cancels.
        self._weights *= np.sqrt(np.float32(gain) / (density + np.float32(1e-20)))

    def filter(self, values: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Filter signals, (P, C) float32 -> (P, C) float32.

        Args:
            values (np.ndarray): The signals.
            transposed (bool): Apply the transposed map: the blurs along the lattice do not
                commute, and their order is turned round. Defaults to False.

        Returns:
            np.ndarray: Filtered signals.
        """
        out = np.zeros_like(values)
        self.add_filtered(values, out, transposed)
        return out

    def add_filtered(
        self, values: np.ndarray, out: np.ndarray, transposed: bool = False
    ) -> None:
        """Add what :meth:`filter` returns to ``out``, (P, C) float32, in place."""
        neighbors = self._neighbors
        if transposed:
            neighbors = np.ascontiguousarray(neighbors[::-1])
        run = _filter_few if values.shape[1] <= 4 else _filter
        run(values, self._vertices, self._weights, neighbors, out)


def softmax_rows(logits: np.ndarray) -> None:
    """Softmax of each row, in place.

    Args:
        logits (np.ndarray): Shape (P, C), float32, contiguous.
    """
    _subtract_maxima(logits)
    np.exp(logits, out=logits)  # vectorised, which numba's is not
    _divide_by_sums(logits)


@jit
def _filter(
    values: np.ndarray,
    vertices: np.ndarray,
    weights: np.ndarray,
    neighbors: np.ndarray,
    out: np.ndarray,
) -> None:
    """Splat, blur with (1/2, 1, 1/2) along every direction, add the slices to ``out``."""
    points, channels = values.shape
    axes, count, _ = neighbors.shape
    current = np.zeros((count + 1, channels), np.float32)
    for p in range(points):
        for r in range(axes):
            vertex, weight = vertices[p, r], weights[p, r]
            for c in range(channels):
                current[vertex, c] += weight * values[p, c]
    blurred = np.zeros_like(current)
    half = np.float32(0.5)
    for axis in range(axes):
        for vertex in range(count):
            first, second = neighbors[axis, vertex]
            for c in range(channels):
                around = current[first, c] + current[second, c]
                blurred[vertex, c] = current[vertex, c] + half * around
        current, blurred = blurred, current
    for p in range(points):
        for r in range(axes):
            vertex, weight = vertices[p, r], weights[p, r]
            for c in range(channels):
                out[p, c] += weight * current[vertex, c]


@jit
def _filter_few(
    values: np.ndarray,
    vertices: np.ndarray,
    weights: np.ndarray,
    neighbors: np.ndarray,
    out: np.ndarray,
) -> None:
    """:func:`_filter` of at most four channels, a pixel's kept in registers.

    Fewer than four are filled up with copies of the last one, which end where they came
    from.
    """
    points, channels = values.shape
    axes, count, _ = neighbors.shape
    one, two, three = min(1, channels - 1), min(2, channels - 1), channels - 1
    current = np.zeros((count + 1, 4), np.float32)
    for p in range(points):
        v, w = values[p, 0], values[p, one]
        x, y = values[p, two], values[p, three]
        for r in range(axes):
            # Unsigned: no look whether it counts from the end.
            vertex, weight = np.uint64(vertices[p, r]), weights[p, r]
            current[vertex, 0] += weight * v
            current[vertex, 1] += weight * w
            current[vertex, 2] += weight * x
            current[vertex, 3] += weight * y
    blurred = np.zeros_like(current)
    half = np.float32(0.5)
    for axis in range(axes):
        for vertex in range(count):
            first = np.uint64(neighbors[axis, vertex, 0])
            second = np.uint64(neighbors[axis, vertex, 1])
            for c in range(4):
                around = current[first, c] + current[second, c]
                blurred[vertex, c] = current[vertex, c] + half * around
        current, blurred = blurred, current
    for p in range(points):
        v, w = out[p, 0], out[p, one]
        x, y = out[p, two], out[p, three]
        for r in range(axes):
            vertex, weight = np.uint64(vertices[p, r]), weights[p, r]
            v += weight * current[vertex, 0]
            w += weight * current[vertex, 1]
            x += weight * current[vertex, 2]
            y += weight * current[vertex, 3]
        out[p, 0], out[p, one], out[p, two], out[p, three] = v, w, x, y


@jit
def _subtract_maxima(rows: np.ndarray) -> None:
    """Subtract from each row its largest value."""
    points, channels = rows.shape
    for p in range(points):
        top = rows[p, 0]
        for c in range(1, channels):
            top = max(top, rows[p, c])
        for c in range(channels):
            rows[p, c] -= top


@jit
def _divide_by_sums(rows: np.ndarray) -> None:
    """Divide each row by its sum."""
    points, channels = rows.shape
    for p in range(points):
        total = np.float32(0)
        for c in range(channels):
            total += rows[p, c]
        scale = np.float32(1) / total
        for c in range(channels):
            rows[p, c] *= scale
