"""Harmonic functions on a weighted graph: the end state of a random walk."""

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu


def harmonic_extension(
    pairs: np.ndarray, weights: np.ndarray, clamped: np.ndarray, values: np.ndarray
) -> np.ndarray:
    r"""Values of all nodes that minimise :math:`\frac12 \sum z_{ij} (q_i - q_j)^2`.

    With :math:`L = D - Z` and the nodes parted into clamped (C) and free (F) ones the
    minimum is :math:`L_{FF}\, q_F = -L_{FC}\, q_C` (Zhu, Ghahramani and Lafferty, ICML
    2003). One sparse factorisation serves all classes.

    Args:
        pairs (np.ndarray): (m, 2) int, each pair of neighbours once.
        weights (np.ndarray): (m,) weights > 0.
        clamped (np.ndarray): (n,) bool.
        values (np.ndarray): (n, K) floats; rows of free nodes are not read.

    Returns:
        np.ndarray: (n, K) float64, within the range of the clamped values.

    Raises:
        ValueError: A weight is not positive and finite, or a free node is connected to no
            clamped one, so nothing determines its value.
    """
    weights = np.asarray(weights, np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError('graph weights must be positive and finite')
    result = np.array(values, np.float64)
    count, free = len(clamped), np.flatnonzero(~clamped)
    if not len(free):
        return result
    (i, j), both = pairs.T, np.concatenate([weights, weights])
    adjacency = csc_matrix(
        (both, (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(count, count)
    )
    _, component = connected_components(adjacency, directed=False)
    lost = ~np.isin(component[free], component[clamped])
    if lost.any():
        raise ValueError(
            f'{int(lost.sum())} nodes of the graph are connected to no clamped node'
        )
    degree = np.asarray(adjacency.sum(axis=0)).ravel()
    inner = adjacency[free][:, free]
    outer = adjacency[free][:, np.flatnonzero(clamped)]
    laplacian = (_diagonal(degree[free]) - inner).tocsc()
    known = result[clamped]
    # Symmetric and diagonally dominant: no pivoting is needed.
    solve = splu(
        laplacian,
        permc_spec='MMD_AT_PLUS_A',
        diag_pivot_thresh=0.0,
        options=dict(SymmetricMode=True),
    ).solve
    solution = solve(outer @ known)
    # The maximum principle holds up to rounding.
    result[free] = np.clip(solution, known.min(0), known.max(0))
    return result


def _diagonal(values: np.ndarray) -> csc_matrix:
    n = len(values)
    return csc_matrix((values, (np.arange(n), np.arange(n))), shape=(n, n))
