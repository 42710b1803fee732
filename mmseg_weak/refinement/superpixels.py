"""Superpixels of an image, their neighbours and means."""

import cv2
import numpy as np
from skimage.segmentation import slic

# Ranges of OpenCV's float Lab: L 0 to 100, a and b -128 to 127.
LAB_OFFSET = np.array([0, 128, 128], np.float32)
LAB_RANGE = np.array([100, 255, 255], np.float32)


def to_lab(image: np.ndarray) -> np.ndarray:
    """Lab colours of an RGB image, each channel in [0, 1].

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.

    Returns:
        np.ndarray: (H, W, 3) float32.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return (lab + LAB_OFFSET) / LAB_RANGE


def find_superpixels(
    lab: np.ndarray,
    count: int = 250,
    compactness: float = 10.0,
    num_iters: int = 10,
    sigma: float = 1.0,
) -> np.ndarray:
    """SLIC superpixels (Achanta et al., PAMI 2012) through scikit-image.

    An image of one colour gives a grid.

    Args:
        lab (np.ndarray): (H, W, 3) float32 from :func:`to_lab`.
        count (int): About how many, >= 1.
        compactness (float): Weight of distance against colour (Lab at its usual range),
            > 0. Defaults to 10.
        num_iters (int): Iterations of k-means, >= 1. Defaults to 10.
        sigma (float): Width in pixels of the blur before, >= 0. Defaults to 1.

    Returns:
        np.ndarray: (H, W) int64 superpixel of each pixel, 0 to n - 1, all used.

    Raises:
        ValueError: There are more superpixels than pixels, or an option is out of range.
    """
    pixels = lab.shape[0] * lab.shape[1]
    if not 1 <= count <= pixels:
        raise ValueError(
            f'superpixel count must be in 1 to {pixels}, the number of pixels of the '
            f'image of {lab.shape[1]}x{lab.shape[0]}, got {count}'
        )
    if not compactness > 0 or num_iters < 1:
        raise ValueError(
            f'compactness must be > 0 and num_iters >= 1, got {compactness} and {num_iters}'
        )
    # scikit-image stretches what it gets to [0, 1], which would change the weight of
    # colour from image to image: done here, where the compactness can follow.
    colours = lab * LAB_RANGE
    low = colours.min()
    spread = max(float(colours.max() - low), 1e-6)
    segments = slic(
        (colours - low) / spread,
        n_segments=count,
        compactness=compactness / spread,
        max_num_iter=num_iters,
        sigma=sigma,
        convert2lab=False,
        channel_axis=-1,
        start_label=0,
    )
    # A few ids may be missing; every node of the graph must have pixels.
    is_used = np.bincount(segments.ravel()) > 0
    return (is_used.cumsum() - 1)[segments]


def neighbours(superpixels: np.ndarray) -> np.ndarray:
    """Pairs of superpixels that touch along a pixel edge.

    Args:
        superpixels (np.ndarray): (H, W) ids 0 to n - 1.

    Returns:
        np.ndarray: (m, 2) int64, first < second, sorted, each pair once.
    """
    count = int(superpixels.max()) + 1
    keys = []
    for one, other in (
        (superpixels[:, :-1], superpixels[:, 1:]),
        (superpixels[:-1], superpixels[1:]),
    ):
        edge = one != other
        one, other = one[edge].astype(np.int64), other[edge].astype(np.int64)
        keys.append(np.minimum(one, other) * count + np.maximum(one, other))
    unique = np.unique(np.concatenate(keys))
    return np.stack([unique // count, unique % count], axis=1)


def superpixel_means(maps: np.ndarray, superpixels: np.ndarray) -> np.ndarray:
    """Mean of maps over each superpixel.

    Args:
        maps (np.ndarray): (K, H, W) floats.
        superpixels (np.ndarray): (H, W) ids 0 to n - 1, all used.

    Returns:
        np.ndarray: (n, K) float64.
    """
    flat = superpixels.ravel()
    sizes = np.bincount(flat)
    sums = [np.bincount(flat, one.ravel(), minlength=len(sizes)) for one in maps]
    return np.stack(sums, axis=1).reshape(len(sizes), -1) / sizes[:, None]


def border_superpixels(superpixels: np.ndarray) -> np.ndarray:
    """Which superpixels touch the image border, (n,) bool."""
    on_border = np.zeros(int(superpixels.max()) + 1, bool)
    for line in (
        superpixels[0],
        superpixels[-1],
        superpixels[:, 0],
        superpixels[:, -1],
    ):
        on_border[line] = True
    return on_border
