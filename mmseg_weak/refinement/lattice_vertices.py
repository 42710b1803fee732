"""Vertices of the permutohedral lattice that features touch, and their neighbours.

A vertex has d + 1 integer coordinates of sum 0, of which the first d are its key. Keys are
found again by a hash table with open addressing, compared in full.
"""

import math

import numpy as np

from ._jit import jit


@jit
def _factors(d: int) -> np.ndarray:
    """Factor of each coordinate in the hash of a key, which is their sum modulo 2^64.

    A linear hash: that of a vertex next to another one is an addition away.
    """
    factors = np.empty(d, np.uint64)
    factor = np.uint64(1)
    for i in range(d):
        factor *= np.uint64(0x9E3779B97F4A7C15)
        factors[d - 1 - i] = factor
    return factors


@jit
def _find(value: int, key: np.ndarray, keys: np.ndarray, table: np.ndarray) -> int:
    """Slot of a key with this hash in an open-addressing table, or the empty slot."""
    mask = np.uint64(len(table) - 1)
    slot = (value >> np.uint64(32)) & mask
    while table[slot] >= 0:
        found = keys[np.uint64(table[slot])]
        equal = True
        for i in range(len(key)):
            equal = equal and found[i] == key[i]
        if equal:
            return slot
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit
def _index(keys: np.ndarray, count: int, size: int, factors: np.ndarray) -> np.ndarray:
    """Hash table of the first keys; ``size`` is a power of two above their count."""
    table = np.full(size, -1, np.int32)
    for i in range(count):
        value = np.uint64(0)
        for j in range(len(factors)):
            value += np.uint64(keys[i, j]) * factors[j]
        table[_find(value, keys[i], keys, table)] = i
    return table


@jit
def _resized(keys: np.ndarray, count: int, size: int) -> np.ndarray:
    """Copy of the first keys in an array of another length."""
    resized = np.empty((size, keys.shape[1]), np.int32)
    for i in range(count):
        for j in range(keys.shape[1]):
            resized[i, j] = keys[i, j]
    return resized


@jit
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


@jit
def embed(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    ranked = np.empty(d + 1, np.int32)
    last = np.empty((2, d + 1), np.int32)

    vertices = np.empty((count, d + 1), np.int32)
    weights = np.empty((count, d + 1), np.float32)
    keys = np.empty((1024, d), np.int32)
    factors = _factors(d)
    table = _index(keys, 0, 4 * len(keys), factors)
    used = 0
    for p in range(count):
        _locate(features[p], scale, lifted, base, rank, weight)
        same = p > 0
        for i in range(d + 1):
            same = same and base[i] == last[0, i] and rank[i] == last[1, i]
            last[0, i], last[1, i] = base[i], rank[i]
            weights[p, i] = weight[i]
        if same:  # the simplex of the point before
            for i in range(d + 1):
                vertices[p, i] = vertices[p - 1, i]
            continue
        value = np.uint64(0)
        for i in range(d + 1):
            ranked[rank[i]] = i
        for i in range(d):
            key[i] = base[i]
            value += np.uint64(base[i]) * factors[i]
        for remainder in range(d + 1):
            if remainder:
                value = _advance(key, value, ranked[d + 1 - remainder], factors)
            slot = _find(value, key, keys, table)
            if table[slot] < 0:
                if used == len(keys):
                    keys = _resized(keys, used, 2 * used)
                    table = _index(keys, used, 4 * len(keys), factors)
                    slot = _find(value, key, keys, table)
                for i in range(d):
                    keys[used, i] = key[i]
                table[slot] = used
                used += 1
            vertices[p, remainder] = table[slot]
    return vertices, weights, _resized(keys, used, used)


@jit
def _advance(key: np.ndarray, value: int, axis: int, factors: np.ndarray) -> int:
    """Go to the vertex whose coordinates are 1 larger, and d less at ``axis``.

    Args:
        key (np.ndarray): Its first d coordinates, (d,), changed in place.
        value (int): Its hash.
        axis (int): 0 to d.
        factors (np.ndarray): Of the hash, (d,).

    Returns:
        int: The new hash.
    """
    d = len(key)
    for i in range(d):
        key[i] += 1
        value += factors[i]
    if axis < d:
        key[axis] -= d + 1
        value -= np.uint64(d + 1) * factors[axis]
    return value


@jit
def find_neighbors(keys: np.ndarray) -> np.ndarray:
    """Both neighbours of each vertex along each direction, (d + 1, V, 2).

    A neighbour no feature has touched is V, the index of a vertex that stays 0.
    """
    count, d = keys.shape
    size = 4
    while size < 4 * count:
        size *= 2
    factors = _factors(d)
    table = _index(keys, count, size, factors)
    neighbors = np.full((d + 1, count, 2), count, np.int32)
    key = np.empty(d, np.int32)
    for vertex in range(count):
        start = np.uint64(0)
        for i in range(d):
            start += np.uint64(keys[vertex, i]) * factors[i]
        for axis in range(d + 1):
            for i in range(d):
                key[i] = keys[vertex, i]
            value = _advance(key, start, axis, factors)
            found = table[_find(value, key, keys, table)]
            if found >= 0:  # whose neighbour the other way is this one
                neighbors[axis, vertex, 1] = found
                neighbors[axis, found, 0] = vertex
    return neighbors
