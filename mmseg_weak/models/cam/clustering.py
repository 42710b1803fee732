"""k-means of the features of each class, in NumPy or on a device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .feature_rows import FeatureRows, as_rows
from .kmeans_seeds import seed_centroids, squared_distances

# Directions that the restarts see of features with many more dimensions.
SKETCH_DIMS = 96
# Restarts that are finished on the features themselves.
FINALISTS = 2


@dataclass(frozen=True)
class KMeansResult:
    """Clusters of a set of features.

    Attributes:
        labels (Tensor): Cluster of each feature, shape (n,), long.
        centroids (Tensor): Shape (K, d), K possibly smaller than asked for.
        sizes (Tensor): Features in each cluster, shape (K,), long, all >= 1.
        inertia (float): Sum of squared distances to the centroids.
        num_iters (int): Iterations on the full features.
    """

    labels: Tensor
    centroids: Tensor
    sizes: Tensor
    inertia: float
    num_iters: int


@torch.no_grad()
def kmeans(
    features: Tensor | FeatureRows,
    num_clusters: int,
    num_restarts: int = 10,
    max_iters: int = 300,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> KMeansResult:
    r"""Cluster features by k-means++ and Lloyd's iterations.

    The restarts run side by side, each step one matrix product for all. Features of many
    dimensions are first projected on their leading :data:`SKETCH_DIMS` directions, found
    by a randomised range finder (Halko et al., `arXiv:0909.4061
    <https://arxiv.org/abs/0909.4061>`_); all restarts converge there, and the
    :data:`FINALISTS` best of them go on with the features themselves until they converge
    again. The better one is returned.

    Features are read in chunks, ten times and twice for each iteration of the finalists at
    least, and may lie in files. In memory are a chunk and, of each feature, the sketch and
    what the restarts know of it: about 1 KiB.

    Args:
        features (Tensor | FeatureRows): Shape (n, d), floating point, finite, n >= 1.
            Computed on its device in float32 (float64 stays).
        num_clusters (int): K >= 1; capped at the number of distinct features.
        num_restarts (int): k-means++ starts, >= 1. Defaults to 10.
        max_iters (int): Most iterations of a run, >= 1. Defaults to 300.
        tolerance (float): A run has converged when its centroids move by at most this,
            relative to the mean variance of a dimension (scikit-learn's ``tol``).
            Defaults to 1e-4.
        seed (int): Same seed, same result; no global random state is used. Defaults to 0.

    Returns:
        KMeansResult: No cluster is empty.

    Raises:
        ValueError: The features are not (n, d) finite floats, or a number is out of range.

    Example:
        >>> points = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
        >>> kmeans(points, 2).sizes.tolist()
        [2, 2]
    """
    _check(features, num_clusters, num_restarts, max_iters, tolerance)
    rows = as_rows(features)
    clusters = min(num_clusters, _num_distinct(rows, num_clusters))
    rows.centre()
    limit = tolerance * float(rows.norms().double().sum()) / (len(rows) * rows.dims)
    generator = torch.Generator().manual_seed(int(seed))

    sketch, projected = _sketch(rows, generator)
    chosen = seed_centroids(sketch, clusters, num_restarts, generator)
    if projected:
        share = sketch.shape[1] / rows.dims
        _, labels, inertia, _ = lloyd(sketch, sketch[chosen], max_iters, limit / share)
        best = inertia.argsort(stable=True)[:FINALISTS]
        starts = _cluster_means(rows, labels[best], clusters)
    else:
        starts = sketch[chosen]
    _, labels, inertia, iterations = lloyd(rows, starts, max_iters, limit)
    return _result(rows, labels[int(inertia.argmin())], iterations)


@torch.no_grad()
def nearest_members(
    features: Tensor | FeatureRows, result: KMeansResult, count: int
) -> list[list[int]]:
    """Members nearest to each centroid, nearest first.

    Args:
        features (Tensor | FeatureRows): The clustered features, shape (n, d).
        result (KMeansResult): Their clusters.
        count (int): Most members of a cluster.

    Returns:
        list[list[int]]: Positions for each cluster.
    """
    rows = as_rows(features)
    centroids = result.centroids if rows.mean is None else result.centroids - rows.mean
    distances = _own_distances(rows, result.labels, centroids)
    order = distances.argsort(stable=True)
    labels = result.labels[order]
    return [order[labels == k][:count].tolist() for k in range(len(result.sizes))]


def _result(rows: FeatureRows, labels: Tensor, iterations: int) -> KMeansResult:
    """Means and inertia of the final labels; clusters that are empty are left out."""
    used, labels = labels.unique(return_inverse=True)
    means = _cluster_means(rows, labels[None], len(used))[0]
    inertia = _own_distances(rows, labels, means).double().sum()
    sizes = labels.bincount(minlength=len(used))
    return KMeansResult(labels, means + rows.mean, sizes, float(inertia), iterations)


def _own_distances(rows: FeatureRows, labels: Tensor, centroids: Tensor) -> Tensor:
    """Squared distance of each row to the centroid of its label, (n,)."""
    return torch.cat(
        [
            (chunk - centroids[labels[part]]).square().sum(dim=1)
            for part, chunk in rows.chunks()
        ]
    )


def _cluster_means(rows: FeatureRows, labels: Tensor, clusters: int) -> Tensor:
    """Means (R, K, d) of labels (R, n); 0 for a cluster without members."""
    sums, sizes = 0, 0
    for part, chunk in rows.chunks():
        more = _sums(chunk, labels[:, part], clusters)
        sums, sizes = sums + more[0], sizes + more[1]
    return sums / sizes.clamp(min=1)[..., None]


def _sums(points: Tensor, labels: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """Sums (R, K, d) and sizes (R, K) of the clusters of points (c, d)."""
    # A product, not index_add_: that one adds in any order on a GPU.
    member = torch.zeros(
        len(labels), clusters, len(points), dtype=points.dtype, device=points.device
    ).scatter_(1, labels[:, None], 1)
    sums = (member.flatten(0, 1) @ points).unflatten(0, member.shape[:2])
    return sums, member.sum(dim=2)


def _sketch(rows: FeatureRows, generator: torch.Generator) -> tuple[Tensor, bool]:
    """Coordinates in the leading directions, (n, m), or all if there are few, in memory.

    The second value tells which.
    """
    if min(len(rows), rows.dims) <= 4 * SKETCH_DIMS:
        return torch.cat([chunk for _, chunk in rows.chunks()]), False
    start = torch.randn(rows.dims, SKETCH_DIMS, generator=generator)
    start = start.to(rows.device, rows.dtype)
    image = sum(chunk.T @ (chunk @ start) for _, chunk in rows.chunks())
    directions = torch.linalg.qr(image).Q
    return torch.cat([chunk @ directions for _, chunk in rows.chunks()]), True


def _num_distinct(rows: FeatureRows, enough: int) -> int:
    """Number of distinct rows, or ``enough`` if there are at least as many."""
    # A look at a few rows decides for all but the rarest classes.
    few = torch.arange(min(4 * enough, len(rows)), device=rows.device)
    found = rows.take(few).unique(dim=0)
    for _, chunk in rows.chunks() if len(found) < enough else ():
        found = torch.cat([found, chunk]).unique(dim=0)
        if len(found) >= enough:
            break
    return min(len(found), enough)


def _check(
    features: Tensor | FeatureRows,
    clusters: int,
    restarts: int,
    max_iters: int,
    tolerance: float,
) -> None:
    if isinstance(features, FeatureRows):
        features = features.shards[0]
    if features.ndim != 2 or 0 in features.shape or not features.is_floating_point():
        raise ValueError(
            'k-means needs floating point features of shape (n, d) with n, d >= 1, got '
            f'{features.dtype} of shape {tuple(features.shape)}'
        )
    if min(clusters, restarts, max_iters) < 1 or not tolerance >= 0:
        raise ValueError(
            'k-means: num_clusters, num_restarts and max_iters must be >= 1 and tolerance '
            f'>= 0, got {clusters}, {restarts}, {max_iters} and {tolerance}'
        )


def lloyd(
    points: Tensor | FeatureRows, centroids: Tensor, max_iters: int, tolerance: float
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Iterate until no restart moves any more.

    A restart whose centroids have moved by at most ``tolerance`` (sum of squares) leaves
    the batch. A cluster that became empty takes over the point farthest from its centroid.

    Args:
        points (Tensor | FeatureRows): Shape (n, d).
        centroids (Tensor): Start of each restart, shape (R, K, d).
        max_iters (int): Most iterations, >= 1.
        tolerance (float): Sum of squared movements that counts as none, >= 0.

    Returns:
        tuple: Centroids (R, K, d), labels (R, n), inertia (R,) and the number of
        iterations of the longest restart.
    """
    rows, final = as_rows(points), centroids.clone()
    labels = torch.full(
        (len(centroids), len(rows)), -1, dtype=torch.long, device=rows.device
    )
    active = torch.arange(len(centroids), device=rows.device)
    iterations = 0
    while iterations < max_iters and len(active):
        iterations += 1
        current = final[active]
        assigned, moved = _step(rows, current)
        shift = (moved - current).square().sum(dim=(1, 2))
        settled = (assigned == labels[active]).all(dim=1) | (shift <= tolerance)
        final[active], labels[active] = moved, assigned
        active = active[~settled]
    nearest = [
        squared_distances(chunk, final, rows.norms()[part]).min(dim=1)
        for part, chunk in rows.chunks()
    ]
    inertia, labels = (torch.cat(parts, dim=1) for parts in zip(*nearest))
    return final, labels, inertia.double().sum(dim=1), iterations


def _step(rows: FeatureRows, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (R, n) by centroids (R, K, d), and the means of the clusters."""
    clusters, sums, sizes, nearest = centroids.shape[1], 0, 0, []
    for part, chunk in rows.chunks():
        nearest.append(squared_distances(chunk, centroids, rows.norms()[part]).min(dim=1))
        more = _sums(chunk, nearest[-1].indices, clusters)
        sums, sizes = sums + more[0], sizes + more[1]
    distances, labels = (torch.cat(parts, dim=1) for parts in zip(*nearest))
    for restart in (sizes == 0).any(dim=1).nonzero().flatten().tolist():
        before = labels[restart].clone()
        _fill_empty(labels[restart], distances[restart], clusters)
        moved = (before != labels[restart]).nonzero().flatten()
        # Owner by owner: one may lose several.
        for point, row in zip(moved, rows.take(moved)):
            for label, sign in ((before[point], -1), (labels[restart, point], 1)):
                sums[restart, label] += sign * row
                sizes[restart, label] += sign
    return labels, sums / sizes[..., None]


def _fill_empty(labels: Tensor, distances: Tensor, num_clusters: int) -> None:
    """Give every empty cluster the farthest point of a cluster that has others."""
    sizes = labels.bincount(minlength=num_clusters).tolist()
    empty = [k for k, size in enumerate(sizes) if size == 0]
    for point in distances.argsort(descending=True, stable=True).tolist():
        if not empty:
            return
        owner = int(labels[point])
        if sizes[owner] > 1:
            sizes[owner] -= 1
            labels[point] = empty.pop()
