"""High-dimensional Gaussian filtering on the permutohedral lattice.

Adams, Baek, Davis: "Fast High-Dimensional Filtering Using the Permutohedral Lattice",
Eurographics 2010. The lattice of a set of features is built once and then filters any
number of signals: splat to the lattice vertices, blur along each lattice direction,
slice back.

The kernels are compiled by numba at first use. They are single-threaded (labels are
made by several processes) and release the GIL.
"""

import math
from collections.abc import Callable

import numba
import numpy as np


def _jit(function: Callable) -> Callable:
    """Compile lazily, cached on disk where numba finds a folder it may write."""
    try:
        return numba.njit(function, cache=True, nogil=True, error_model='numpy')
    except RuntimeError:  # no such folder: read-only installation, no home
        return numba.njit(function, nogil=True, error_model='numpy')


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
        self._vertices, self._weights, keys = _embed(features)
        self._neighbors = _find_neighbors(keys)
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
        _filter(values, self._vertices, self._weights, neighbors, out)


def softmax_rows(logits: np.ndarray) -> None:
    """Softmax of each row, in place.

    Args:
        logits (np.ndarray): Shape (P, C), float32, contiguous.
    """
    _subtract_maxima(logits)
    np.exp(logits, out=logits)  # vectorised, which numba's is not
    _divide_by_sums(logits)


@_jit
def _hash(key: np.ndarray, mask: int) -> int:
    value = np.uint64(0)
    for coordinate in key:
        value = (value + np.uint64(coordinate)) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(value >> np.uint64(32)) & mask


@_jit
def _find(key: np.ndarray, keys: np.ndarray, table: np.ndarray) -> int:
    """Slot of a key in an open-addressing table, or the empty slot for it."""
    slot = _hash(key, len(table) - 1)
    while table[slot] >= 0:
        found = keys[table[slot]]
        equal = True
        for i in range(len(key)):
            equal = equal and found[i] == key[i]
        if equal:
            return slot
        slot = (slot + 1) & (len(table) - 1)
    return slot


@_jit
def _index(keys: np.ndarray, count: int, size: int) -> np.ndarray:
    """Hash table of the first keys; ``size`` is a power of two above their count."""
    table = np.full(size, -1, np.int32)
    for i in range(count):
        table[_find(keys[i], keys, table)] = i
    return table


@_jit
def _resized(keys: np.ndarray, count: int, size: int) -> np.ndarray:
    """Copy of the first keys in an array of another length."""
    resized = np.empty((size, keys.shape[1]), np.int32)
    for i in range(count):
        for j in range(keys.shape[1]):
            resized[i, j] = keys[i, j]
    return resized


@_jit
def _locate(
    feature: np.ndarray,
    scale: np.ndarray,
    lifted: np.ndarray,
    base: np.ndarray,
    rank: np.ndarray,
    weight: np.ndarray,
) -> None:
    """Simplex around a feature: base vertex, order of residuals, barycentric weights.

    Sections 3.1-3.2 of the paper: lift to the hyperplane of zero sum, round to the
    nearest vertex of remainder 0, walk back to the hyperplane, sort the residuals.
    """
    d = len(feature)
    total = np.float32(0)
    for j in range(d, 0, -1):
        scaled = feature[j - 1] * scale[j - 1]
        lifted[j] = total - j * scaled
        total += scaled
    lifted[0] = total

    excess = 0
    for i in range(d + 1):
        step = np.int64(math.floor(lifted[i] / np.float32(d + 1) + np.float32(0.5)))
        base[i] = step * (d + 1)
        excess += step
        rank[i] = 0
    for i in range(d):
        for j in range(i + 1, d + 1):
            # No branch: which way it goes is chance.
            lower = np.int32(lifted[i] - base[i] < lifted[j] - base[j])
            rank[i] += lower
            rank[j] += 1 - lower
    for i in range(d + 1):
        rank[i] += excess
        if rank[i] < 0:
            rank[i] += d + 1
            base[i] += d + 1
        elif rank[i] > d:
            rank[i] -= d + 1
            base[i] -= d + 1

    for i in range(d + 2):
        weight[i] = 0
    for i in range(d + 1):
        residual = (lifted[i] - base[i]) / np.float32(d + 1)
        weight[d - rank[i]] += residual
        weight[d + 1 - rank[i]] -= residual
    weight[0] += 1 + weight[d + 1]


@_jit
def _embed(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (P, d + 1) and weights of each feature, and keys (V, d) of vertices."""
    count, d = features.shape
    scale = np.empty(d, np.float32)
    for i in range(d):
        scale[i] = math.sqrt(2 / 3) * (d + 1) / math.sqrt((i + 1) * (i + 2))
    lifted = np.empty(d + 1, np.float32)
    base = np.empty(d + 1, np.int32)
    rank = np.empty(d + 1, np.int32)
    weight = np.empty(d + 2, np.float32)
    key = np.empty(d, np.int32)
    last = np.empty((2, d + 1), np.int32)

    vertices = np.empty((count, d + 1), np.int32)
    weights = np.empty((count, d + 1), np.float32)
    keys = np.empty((1024, d), np.int32)
    table = _index(keys, 0, 4 * len(keys))
    used = 0
    for p in range(count):
        _locate(features[p], scale, lifted, base, rank, weight)
        same = p > 0
        for i in range(d + 1):
            same = same and base[i] == last[0, i] and rank[i] == last[1, i]
            last[0, i], last[1, i] = base[i], rank[i]
        for remainder in range(d + 1):
            weights[p, remainder] = weight[remainder]
            if same:  # the simplex of the point before
                vertices[p, remainder] = vertices[p - 1, remainder]
                continue
            for i in range(d):
                wrap = d + 1 if rank[i] > d - remainder else 0
                key[i] = base[i] + remainder - wrap
            slot = _find(key, keys, table)
            if table[slot] < 0:
                if used == len(keys):
                    keys = _resized(keys, used, 2 * used)
                    table = _index(keys, used, 4 * len(keys))
                    slot = _find(key, keys, table)
                for i in range(d):
                    keys[used, i] = key[i]
                table[slot] = used
                used += 1
            vertices[p, remainder] = table[slot]
    return vertices, weights, _resized(keys, used, used)


@_jit
def _find_neighbors(keys: np.ndarray) -> np.ndarray:
    """Both neighbours of each vertex along each direction, (d + 1, V, 2).

    A neighbour no feature has touched is V, the index of a vertex that stays 0.
    """
    count, d = keys.shape
    size = 4
    while size < 4 * count:
        size *= 2
    table = _index(keys, count, size)
    neighbors = np.full((d + 1, count, 2), count, np.int32)
    key = np.empty(d, np.int32)
    for axis in range(d + 1):
        for vertex in range(count):
            for i in range(d):
                key[i] = keys[vertex, i] + (d if i == axis else -1)
            found = table[_find(key, keys, table)]
            if found >= 0:  # whose neighbour the other way is this one
                neighbors[axis, vertex, 0] = found
                neighbors[axis, found, 1] = vertex
    return neighbors


@_jit
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


@_jit
def _subtract_maxima(rows: np.ndarray) -> None:
    """Subtract from each row its largest value."""
    points, channels = rows.shape
    for p in range(points):
        top = rows[p, 0]
        for c in range(1, channels):
            top = max(top, rows[p, c])
        for c in range(channels):
            rows[p, c] -= top


@_jit
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
