"""Lloyd's iterations of many restarts at once."""

import torch
from torch import Tensor

from .seeding import squared_distances


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
