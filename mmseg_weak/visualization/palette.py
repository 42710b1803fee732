"""Colours that the eye tells apart."""

import itertools
from collections.abc import Sequence

import numpy as np
from skimage.color import rgb2lab

LEVELS = (0, 64, 128, 192, 255)
# CIELAB lightness of usable colours: darker ones pass for black, lighter ones for white.
LIGHTNESS = (30, 92)
FIRST = (230, 25, 75)


def distinct_palette(
    classes: Sequence[str], background: str | None = 'background'
) -> np.ndarray:
    """A colour for each class, each as far as can be from those before.

    Colours are drawn greedily from a grid of RGB by their distance in CIELAB, so a class
    keeps its colour when others are added behind it.

    Args:
        classes (Sequence[str]): Class names.
        background (str, optional): The class that is black. Defaults to ``'background'``.

    Returns:
        np.ndarray: (n, 3) uint8 RGB.
    """
    grid = np.array([FIRST, *itertools.product(LEVELS, repeat=3)], dtype=np.uint8)
    lab = rgb2lab(grid[None] / 255.0)[0]
    usable = (lab[:, 0] >= LIGHTNESS[0]) & (lab[:, 0] <= LIGHTNESS[1])
    grid, lab = grid[usable], lab[usable]
    distance = np.linalg.norm(lab - lab[0], axis=1)
    chosen = [0]
    for _ in range(len(classes) - 1):
        chosen.append(int(distance.argmax()) if distance.max() > 0 else len(chosen))
        nearest = np.linalg.norm(lab - lab[chosen[-1] % len(lab)], axis=1)
        distance = np.minimum(distance, nearest)
    colours = iter(grid[np.array(chosen) % len(grid)])
    return np.array(
        [(0, 0, 0) if name == background else next(colours) for name in classes],
        dtype=np.uint8,
    )
