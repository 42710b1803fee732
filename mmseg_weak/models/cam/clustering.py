"""k-means of the features of each class, in NumPy or on a device."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

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
    features: Tensor,
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

    Args:
        features (Tensor): Shape (n, d), floating point, finite, n >= 1. Computed on its
            device in float32 (float64 stays).
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
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    mean = features.mean(dim=0)
    _check_finite(features, mean)
    points = features - mean
    clusters = min(num_clusters, _num_distinct(features, num_clusters))
    limit = tolerance * float(points.square().sum()) / points.numel()
    generator = torch.Generator().manual_seed(int(seed))

    sketch = _sketch(points, generator)
    chosen = seed_centroids(sketch, clusters, num_restarts, generator)
    if sketch is points:
        starts = points[chosen]
    else:
        share = sketch.shape[1] / points.shape[1]
        _, labels, inertia, _ = lloyd(sketch, sketch[chosen], max_iters, limit / share)
        best = inertia.argsort(stable=True)[:FINALISTS]
        starts = torch.stack([_cluster_means(points, labels[i], clusters) for i in best])
    _, labels, inertia, iterations = lloyd(points, starts, max_iters, limit)
    best = int(inertia.argmin())
    return _result(points, mean, labels[best], iterations)


@torch.no_grad()
def nearest_members(features: Tensor, result: KMeansResult, count: int) -> list[list[int]]:
    """Members nearest to each centroid, nearest first.

    Args:
        features (Tensor): The clustered features, shape (n, d).
        result (KMeansResult): Their clusters.
        count (int): Most members of a cluster.

    Returns:
        list[list[int]]: Positions for each cluster.
    """
    distances = (features - result.centroids[result.labels]).square().sum(dim=1)
    order = distances.argsort(stable=True)
    labels = result.labels[order]
    return [order[labels == k][:count].tolist() for k in range(len(result.sizes))]


def _result(points: Tensor, mean: Tensor, labels: Tensor, iterations: int) -> KMeansResult:
    """Means and inertia of the final labels; clusters that are empty are left out."""
    used, labels = labels.unique(return_inverse=True)
    means = _cluster_means(points, labels, len(used))
    inertia = (points - means[labels]).square().sum(dim=1).double().sum()
    sizes = labels.bincount(minlength=len(used))
    return KMeansResult(labels, means + mean, sizes, float(inertia), iterations)


def _cluster_means(points: Tensor, labels: Tensor, clusters: int) -> Tensor:
    # A product, not index_add_: that one adds in any order on a GPU.
    member = labels == torch.arange(clusters, device=labels.device)[:, None]
    return (member.to(points.dtype) @ points) / member.sum(dim=1).clamp(min=1)[:, None]


def _sketch(points: Tensor, generator: torch.Generator) -> Tensor:
    """Coordinates in the leading directions, (n, m), or the points if d is small."""
    if min(points.shape) <= 4 * SKETCH_DIMS:
        return points
    start = torch.randn(points.shape[1], SKETCH_DIMS, generator=generator).to(points)
    directions = torch.linalg.qr(points.T @ (points @ start)).Q
    return points @ directions


def _num_distinct(features: Tensor, enough: int) -> int:
    """Number of distinct rows, or ``enough`` if there are at least as many."""
    # A look at a few rows decides for all but the rarest classes.
    for rows in (features[: 4 * enough], features):
        count = len(rows.unique(dim=0))
        if count >= enough:
            return enough
    return count


def _check(
    features: Tensor, clusters: int, restarts: int, max_iters: int, tolerance: float
) -> None:
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


def _check_finite(features: Tensor, mean: Tensor) -> None:
    """The mean tells without another pass over the features."""
    if torch.isfinite(mean).all():
        return
    bad = (~torch.isfinite(features)).any(dim=1).nonzero()
    row = f'feature {int(bad[0])} holds' if len(bad) else 'the features sum to'
    raise ValueError(f'k-means: {row} values that are not finite')


def squared_distances(points: Tensor, centroids: Tensor, norms: Tensor) -> Tensor:
    """Squared Euclidean distances by one matrix product.

    Args:
        points (Tensor): Shape (n, d), best centred: the product cancels.
        centroids (Tensor): Shape (..., d).
        norms (Tensor): Squared norms of the points, shape (n,).

    Returns:
        Tensor: Shape (..., n), >= 0.
    """
    flat = centroids.reshape(-1, centroids.shape[-1])
    own = flat.square().sum(dim=1)[:, None]
    distances = torch.addmm(own + norms, flat, points.T, alpha=-2)
    return distances.clamp_(min=0).unflatten(0, centroids.shape[:-1])


def seed_centroids(
    points: Tensor, num_clusters: int, num_restarts: int, generator: torch.Generator
) -> Tensor:
    """Draw the first centroids of every restart.

    Greedy k-means++ (Arthur and Vassilvitskii, SODA 2007): each next centroid is the best
    of 2 + log K points drawn with probability proportional to the squared distance to the
    nearest centroid so far. All candidates of all restarts are compared in one product.

    Args:
        points (Tensor): Shape (n, d), at least ``num_clusters`` of them distinct.
        num_clusters (int): K.
        num_restarts (int): R.
        generator (torch.Generator): On the CPU, so that a GPU draws the same numbers.

    Returns:
        Tensor: Positions of the chosen points, shape (R, K).
    """
    count, device = len(points), points.device
    norms = points.square().sum(dim=1)
    trials = 2 + int(math.log(num_clusters))
    first = torch.randint(count, (num_restarts,), generator=generator).to(device)
    chosen = [first]
    nearest = squared_distances(points, points[first], norms)
    # A point is at distance 0 from itself, whatever the rounding says.
    nearest.scatter_(1, first[:, None], 0)
    for _ in range(1, num_clusters):
        draws = torch.rand(num_restarts, trials, generator=generator, dtype=torch.double)
        candidates = _draw(nearest, draws.to(device))
        distances = squared_distances(points, points[candidates], norms)
        distances.scatter_(2, candidates[..., None], 0)
        distances = torch.minimum(distances, nearest[:, None])
        best = distances.sum(dim=2).argmin(dim=1)
        rows = torch.arange(num_restarts, device=device)
        chosen.append(candidates[rows, best])
        nearest = distances[rows, best]
    return torch.stack(chosen, dim=1)


def _draw(weights: Tensor, draws: Tensor) -> Tensor:
    """Positions drawn in proportion to the weights of each row, never one of weight 0."""
    cumulated = weights.double().cumsum(dim=1)
    total = cumulated[:, -1:]
    positions = torch.searchsorted(cumulated, draws * total, right=True)
    # Rounding at the end of a row, or a row of zeros.
    last = (cumulated < total).sum(dim=1, keepdim=True)
    return torch.minimum(positions, last.clamp(max=weights.shape[1] - 1))


def lloyd(
    points: Tensor, centroids: Tensor, max_iters: int, tolerance: float
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Iterate until no restart moves any more.

    A restart whose centroids have moved by at most ``tolerance`` (sum of squares) leaves
    the batch. A cluster that became empty takes over the point farthest from its centroid.

    Args:
        points (Tensor): Shape (n, d).
        centroids (Tensor): Start of each restart, shape (R, K, d).
        max_iters (int): Most iterations, >= 1.
        tolerance (float): Sum of squared movements that counts as none, >= 0.

    Returns:
        tuple: Centroids (R, K, d), labels (R, n), inertia (R,) and the number of
        iterations of the longest restart.
    """
    norms = points.square().sum(dim=1)
    final = centroids.clone()
    labels = torch.full(
        (len(centroids), len(points)), -1, dtype=torch.long, device=points.device
    )
    active = torch.arange(len(centroids), device=points.device)
    iterations = 0
    while iterations < max_iters and len(active):
        iterations += 1
        current = final[active]
        distances, assigned = squared_distances(points, current, norms).min(dim=1)
        moved = _means(points, assigned, current.shape[1], distances)
        shift = (moved - current).square().sum(dim=(1, 2))
        settled = (assigned == labels[active]).all(dim=1) | (shift <= tolerance)
        final[active], labels[active] = moved, assigned
        active = active[~settled]
    inertia, labels = squared_distances(points, final, norms).min(dim=1)
    return final, labels, inertia.double().sum(dim=1), iterations


def _means(points: Tensor, labels: Tensor, num_clusters: int, distances: Tensor) -> Tensor:
    """Mean of each cluster of each restart, (R, K, d); ``labels`` are mended in place."""
    member = torch.zeros(
        len(labels), num_clusters, len(points), dtype=points.dtype, device=points.device
    ).scatter_(1, labels[:, None], 1)
    sizes = member.sum(dim=2)
    for restart in (sizes == 0).any(dim=1).nonzero().flatten().tolist():
        _fill_empty(labels[restart], distances[restart], num_clusters)
        member[restart] = 0
        member[restart].scatter_(0, labels[restart][None], 1)
        sizes[restart] = member[restart].sum(dim=1)
    sums = (member.flatten(0, 1) @ points).unflatten(0, member.shape[:2])
    return sums / sizes[..., None]


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
