"""Affinities of pixel-adaptive refinement in one pass over the image, on a CPU."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ._jit import jit

# Pixels of a row that are worked on at a time: their affinities stay in a core's cache.
BLOCK = 128


def colour_affinity(
    padded: np.ndarray,
    offsets: np.ndarray,
    shares: np.ndarray,
    weight: float,
    eps: float,
    threads: int = 1,
) -> Tensor:
    """Affinity of every pixel to its neighbours.

    What :meth:`PixelAdaptiveRefinement.affinity` defines. Tensor operations read the
    image once for each of them, neighbour by neighbour; here a block of pixels passes
    through all of them.

    Args:
        padded (np.ndarray): Images, (N, C, H + 2P, W + 2P) float32, contiguous.
        offsets (np.ndarray): Row and column of each neighbour, (K, 2) int64, at most P.
        shares (np.ndarray): What the distance adds to each neighbour, (K,) float32.
        weight (float): Factor of the standard deviation.
        eps (float): Added to the standard deviation.
        threads (int): Rows are shared among so many. Defaults to 1.

    Returns:
        Tensor: (N, K, H, W) float32.
    """
    padding = int(np.abs(offsets).max())
    images, _, height, width = padded.shape
    height, width = height - 2 * padding, width - 2 * padding
    # Memory of torch: numpy asks for huge pages, and to clear those of a large result took
    # three times as long as the affinities themselves on a virtual machine.
    shape = images, len(offsets), height, width
    affinity = torch.empty(shape, dtype=torch.float32)
    out = affinity.numpy()
    constants = np.float32(weight), np.float32(eps)
    step = -(-height // threads)

    def fill(place: tuple[int, int]) -> None:
        image, top = place
        rows = out[image, :, top : top + step]
        _fill(padded[image, :, top:], offsets + padding, shares, *constants, rows)

    places = [(i, top) for i in range(images) for top in range(0, height, step)]
    if threads == 1:
        for place in places:
            fill(place)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, places))
    return affinity


@jit
def _fill(
    padded: np.ndarray,
    offsets: np.ndarray,
    shares: np.ndarray,
    weight: float,
    eps: float,
    out: np.ndarray,
) -> None:
    """Rows of one image; offsets are those of the padded image."""
    count, height, width = out.shape
    channels = padded.shape[0]
    middle = (padded.shape[2] - width) // 2
    block = np.empty((count, BLOCK), np.float32)
    mean, scale = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for y in range(height):
        for x in range(0, width, BLOCK):
            size = min(BLOCK, width - x)
            block[:] = 0
            for c in range(channels):
                _scale(padded[c], offsets, y, x, size, weight, eps, mean, scale)
                centre = padded[c, y + middle, x + middle : x + middle + size]
                for k in range(count):
                    top, left = offsets[k, 0] + y, offsets[k, 1] + x
                    seen = padded[c, top, left : left + size]
                    row = block[k]
                    for i in range(size):
                        difference = (seen[i] - centre[i]) * scale[i]
                        row[i] += difference * difference
            _softmax(block, channels, size)
            for k in range(count):
                row, target = block[k], out[k, y, x : x + size]
                for i in range(size):
                    target[i] = row[i] + shares[k]


@jit
def _scale(
    plane: np.ndarray,
    offsets: np.ndarray,
    y: int,
    x: int,
    size: int,
    weight: float,
    eps: float,
    mean: np.ndarray,
    scale: np.ndarray,
) -> None:
    """Set ``scale`` to 1 / (weight (std + eps)) of the neighbours; ``mean`` is overwritten.

    Two passes: a running sum of squares would lose flat areas to cancellation.
    """
    count = len(offsets)
    mean[:], scale[:] = 0, 0
    for k in range(count):
        seen = plane[offsets[k, 0] + y, offsets[k, 1] + x : offsets[k, 1] + x + size]
        for i in range(size):
            mean[i] += seen[i]
    factor = np.float32(1) / np.float32(count)
    for i in range(size):
        mean[i] *= factor
    for k in range(count):
        seen = plane[offsets[k, 0] + y, offsets[k, 1] + x : offsets[k, 1] + x + size]
        for i in range(size):
            difference = seen[i] - mean[i]
            scale[i] += difference * difference
    for i in range(size):
        std = np.sqrt(scale[i] / np.float32(count - 1))
        scale[i] = np.float32(1) / ((std + eps) * weight)


@jit
def _softmax(block: np.ndarray, channels: int, size: int) -> None:
    """Rows of sums of squares become softmax(-sum / channels) over the rows."""
    count = len(block)
    low, total = block[0].copy(), np.zeros(BLOCK, np.float32)
    bits = np.empty(BLOCK, np.int32)
    powers = bits.view(np.float32)
    factor = np.float32(-1) / np.float32(channels)
    for k in range(1, count):
        row = block[k]
        for i in range(size):
            low[i] = min(low[i], row[i])
    for k in range(count):
        row = block[k]
        _exp(row, low, factor, bits, powers, size)
        for i in range(size):
            total[i] += row[i]
    for i in range(size):
        total[i] = np.float32(1) / total[i]
    for k in range(count):
        row = block[k]
        for i in range(size):
            row[i] *= total[i]


@jit
def _exp(
    row: np.ndarray,
    low: np.ndarray,
    factor: float,
    bits: np.ndarray,
    powers: np.ndarray,
    size: int,
) -> None:
    """exp(factor (row - low)) in place, arguments at most 0, to a relative 2e-7.

    As Cephes has it, because numba's own is not vectorised: 2 to a whole number by its
    bits, times a polynomial of the rest.
    """
    for i in range(size):
        argument = factor * (row[i] - low[i])
        argument = np.float32(-87) if argument < np.float32(-87) else argument  # or NaN
        whole = np.floor(argument * np.float32(1.44269504) + np.float32(0.5))
        rest = argument - whole * np.float32(0.693359375)
        rest = rest + whole * np.float32(2.12194440e-4)
        value = np.float32(1.9875691500e-4)
        value = value * rest + np.float32(1.3981999507e-3)
        value = value * rest + np.float32(8.3334519073e-3)
        value = value * rest + np.float32(4.1665795894e-2)
        value = value * rest + np.float32(1.6666665459e-1)
        value = value * rest + np.float32(5.0000001201e-1)
        row[i] = value * rest * rest + rest + np.float32(1)
        bits[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
    for i in range(size):
        row[i] *= powers[i]
