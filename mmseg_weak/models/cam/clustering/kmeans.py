"""k-means on torch: batched restarts, deterministic by seed, any class size."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .lloyd import lloyd, seed_centroids

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
