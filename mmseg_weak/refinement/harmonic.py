"""Harmonic functions on a weighted graph: the end state of a random walk."""

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

# Up to so many free nodes a dense solution is faster than any sparse one.
MAX_DENSE = 300
# The extension of ones is one; a node far from it is connected to no clamped node.
ONES_TOLERANCE = 1e-3


def harmonic_extension(
    pairs: np.ndarray, weights: np.ndarray, clamped: np.ndarray, values: np.ndarray
) -> np.ndarray:
    r"""Values of all nodes that minimise :math:`\frac12 \sum z_{ij} (q_i - q_j)^2`.

    With :math:`L = D - Z` and the nodes parted into clamped (C) and free (F) ones the
    minimum is :math:`L_{FF}\, q_F = -L_{FC}\, q_C` (Zhu, Ghahramani and Lafferty, ICML
    2003). One factorisation serves all classes.

    Args:
        pairs (np.ndarray): (m, 2) int, each pair of neighbours once.
        weights (np.ndarray): (m,) weights > 0.
        clamped (np.ndarray): (n,) bool.
        values (np.ndarray): (n, K) floats; rows of free nodes are not read.

    Returns:
        np.ndarray: (n, K) float64, within the range of the clamped values.

    Raises:
        ValueError: A weight is not positive and finite, or a free node is connected to no
            clamped one, so nothing determines its value, or only by weights that vanish
            beside the others.
    """
    weights = np.asarray(weights, np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError('graph weights must be positive and finite')
    result = np.array(values, np.float64)
    count, free = len(clamped), np.flatnonzero(~clamped)
    if not len(free):
        return result
    # Only what is needed of the Laplacian: its free block, and the pull of clamped nodes.
    place = np.full(count, -1)
    place[free] = np.arange(len(free))
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    both = np.concatenate([weights, weights])
    degree = np.bincount(one, both, minlength=count)[free]
    inner = ~clamped[one] & ~clamped[other]
    border = ~clamped[one] & clamped[other]
    edges = place[one[inner]], place[other[inner]], both[inner]
    known = result[clamped]
    to, pull = place[one[border]], both[border]
    # A last column of ones tells whether something determines each node.
    columns = [pull * result[other[border], k] for k in range(result.shape[1])]
    target = [np.bincount(to, column, minlength=len(free)) for column in (*columns, pull)]
    solve = _solve_dense if len(free) <= MAX_DENSE else _solve_sparse
    solution = solve(degree, edges, np.stack(target, axis=1))
    if solution is None or not (abs(solution[:, -1] - 1) < ONES_TOLERANCE).all():
        _check_connected(pairs, clamped)
    if solution is None or not (solution[:, -1] > 0).all():
        raise ValueError('graph weights differ by too many orders of magnitude')
    # Small weights beside large ones are rounded alike in all columns: the ones tell how
    # much. The maximum principle holds up to the rest.
    result[free] = np.clip(solution[:, :-1] / solution[:, -1:], known.min(0), known.max(0))
    return result


def _solve_dense(degree: np.ndarray, edges: tuple, target: np.ndarray) -> np.ndarray | None:
    """(free, K + 1) solution; None where the Laplacian is singular."""
    laplacian = np.zeros((len(degree), len(degree)))
    np.subtract.at(laplacian, edges[:2], edges[2])  # a pair may be listed twice
    np.fill_diagonal(laplacian, degree)
    try:
        return np.linalg.solve(laplacian, target)
    except np.linalg.LinAlgError:
        return None


def _solve_sparse(
    degree: np.ndarray, edges: tuple, target: np.ndarray
) -> np.ndarray | None:
    """The same for many nodes."""
    diagonal = np.arange(len(degree))
    rows = np.concatenate([diagonal, edges[0]])
    columns = np.concatenate([diagonal, edges[1]])
    laplacian = csc_matrix((np.concatenate([degree, -edges[2]]), (rows, columns)))
    try:
        # Symmetric and diagonally dominant: no pivoting is needed.
        solve = splu(
            laplacian,
            permc_spec='MMD_AT_PLUS_A',
            diag_pivot_thresh=0.0,
            options=dict(SymmetricMode=True),
        ).solve
    except RuntimeError:  # exactly singular
        return None
    return solve(target)


def _check_connected(pairs: np.ndarray, clamped: np.ndarray) -> None:
    count = len(clamped)
    edges = csc_matrix((np.ones(len(pairs)), tuple(pairs.T)), shape=(count, count))
    _, component = connected_components(edges, directed=False)
    anchored = np.zeros(component.max() + 1, bool)
    anchored[component[clamped]] = True
    lost = int((~anchored[component]).sum())
    if lost:
        raise ValueError(f'{lost} nodes of the graph are connected to no clamped node')
