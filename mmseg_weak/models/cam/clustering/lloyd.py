"""k-means++ and Lloyd's iterations of many restarts at once."""

import math

import torch
from torch import Tensor


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
