"""First centroids of k-means."""

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
