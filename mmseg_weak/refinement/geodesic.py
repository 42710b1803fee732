"""Geodesic distances on a pixel grid, compiled by numba."""

import numpy as np

from .permutohedral import _jit


@_jit
def geodesic_distance(cost, seeds):
    """Cost of the cheapest path from any seed to every pixel.

    Steps go to the eight neighbours and cost their length times the mean of both pixels,
    as in scikit-image's ``MCP_Geometric``. A circular array of buckets, no wider than the
    cheapest step, serves as the queue of Dijkstra's algorithm: every operation on it takes
    constant time, and distances are exact because a pixel is read again when it improves.
    Memory grows with the ratio of the largest to the smallest cost.

    Args:
        cost (np.ndarray): Cost of a pixel, (H, W) float32, > 0 and finite.
        seeds (np.ndarray): Flat indices of pixels at distance 0, (S,) int64.

    Returns:
        np.ndarray: (H, W) float32; infinite without seeds.
    """
    height, width = cost.shape
    stride = width + 2
    padded = np.full((height + 2, stride), np.inf, np.float32)
    padded[1:-1, 1:-1] = cost
    price = padded.ravel()
    distance = np.full(price.size, np.inf, np.float32)
    offsets = np.array(
        [-stride, -1, 1, stride, -stride - 1, 1 - stride, stride - 1, stride + 1]
    )
    lengths = np.array([0.5] * 4 + [0.5 * np.sqrt(2)] * 4).astype(np.float32)

    slot = cost.min()
    buckets = int(1.5 * cost.max() / slot) + 3
    first = np.full(buckets, -1, np.int32)  # of each bucket, a linked list of entries
    following = np.empty(9 * price.size + len(seeds), np.int32)
    pixel = np.empty(following.size, np.int32)
    unused, fresh, waiting = -1, 0, 0
    for seed in seeds:
        start = (seed // width + 1) * stride + seed % width + 1
        distance[start] = 0
        pixel[fresh], following[fresh], first[0] = start, first[0], fresh
        fresh += 1
        waiting += 1
    current = 0
    while waiting:
        bucket = current % buckets
        while first[bucket] >= 0:
            entry = first[bucket]
            first[bucket], following[entry], unused = following[entry], unused, entry
            waiting -= 1
            here = pixel[entry]
            if int(distance[here] / slot) < current:
                continue  # a shorter way was found and followed
            for k in range(8):
                there = here + offsets[k]
                reached = distance[here] + lengths[k] * (price[here] + price[there])
                if reached < distance[there]:
                    distance[there] = reached
                    target = int(reached / slot) % buckets
                    if unused >= 0:
                        entry, unused = unused, following[unused]
                    else:
                        entry = fresh
                        fresh += 1
                    pixel[entry], following[entry] = there, first[target]
                    first[target] = entry
                    waiting += 1
        current += 1
    return distance.reshape(height + 2, stride)[1:-1, 1:-1].copy()
