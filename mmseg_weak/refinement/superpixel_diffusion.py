"""Seeds spread over superpixels: from activation maps to pseudo-masks."""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from .._ranges import Count, Interval, NonNegative, Positive, Share, check_ranges
from .harmonic import harmonic_extension
from .superpixels import (
    border_superpixels,
    find_superpixels,
    neighbours,
    superpixel_means,
    to_lab,
)

# exp() of less would be 0 and cut the graph.
MIN_WEIGHT = 1e-12


class NoAnchorError(ValueError):
    """A diffusion problem without seeds or without background: its answer is trivial."""


@check_ranges
@dataclass(frozen=True)
class DiffusionOptions:
    """How seeds are found and spread.

    Attributes:
        num_superpixels (int): About how many superpixels, >= 1; an image of fewer pixels
            has as many as it has pixels.
        compactness (float): SLIC's weight of distance against colour, > 0.
        slic_iters (int): Iterations of SLIC, >= 1.
        slic_sigma (float): Width in pixels of the blur before SLIC, >= 0; without it the
            superpixels of grainy photographs flow together.
        beta (float): 1 / (2 sigma^2) of the edge weights, > 0.
        foreground_weight (float): Factor of the foreground map M in the features of the
            edges, >= 0; 0 leaves M out of the edges.
        seed_threshold (float): A superpixel is a seed where its activation is at least
            this share of the largest, in (0, 1].
        seed_foreground (float): M that a seed needs at least, in [0, 1]; a class without
            such a superpixel has its most active one for a seed. 0 asks for none, so that M
            enters through the edges only.
        background_cam (float): A background anchor's largest activation is below it.
        background_foreground (float): A background anchor's M is below it.
        border_foreground (float): Without such an anchor, border superpixels with M below
            this are taken.
        label_threshold (float): Background where no class has a larger q.
        max_side (int): Images with a longer side, in pixels, are made smaller for all of
            this and the result is enlarged: SLIC takes nearly all of the time, and that
            grows with the pixels.

    Raises:
        ValueError: A value is out of its range.
    """

    num_superpixels: Count = 250
    compactness: Positive = 10.0
    slic_iters: Count = 10
    slic_sigma: NonNegative = 1.0
    beta: Positive = 10.0
    foreground_weight: NonNegative = 1.0
    seed_threshold: Annotated[float, Interval(0, 1, is_open=True)] = 0.3
    seed_foreground: Share = 0.0
    background_cam: Share = 0.1
    background_foreground: Share = 0.2
    border_foreground: Share = 0.5
    label_threshold: Share = 0.5
    max_side: Count = 500


@dataclass(frozen=True)
class Diffusion:
    """A solved problem.

    Attributes:
        labels (np.ndarray): (H, W) int64; 0 background, k + 1 the k-th class given.
        superpixels (np.ndarray): (H, W) int64 superpixel of each pixel.
        anchors (np.ndarray): (n,) int64 per superpixel; k the seed of class k, -1
            background, -2 none.
        q (np.ndarray): (n, C) float64 in [0, 1], closeness to the seeds of each class.
    """

    labels: np.ndarray
    superpixels: np.ndarray
    anchors: np.ndarray
    q: np.ndarray


def superpixel_diffusion(
    image: np.ndarray,
    cams: np.ndarray,
    foreground: np.ndarray,
    options: DiffusionOptions | None = None,
) -> Diffusion:
    r"""Self-diffusion of "Transferable Semi-supervised Semantic Segmentation".

    Xiao et al., AAAI 2018, `arXiv:1711.06828 <https://arxiv.org/abs/1711.06828>`_, with
    anchors of both kinds: from seeds alone q = 1 everywhere is the solution. Neighbouring
    superpixels have the weight

    .. math:: z_{ij} = \exp(-\beta \|F_i - F_j\|^2), \quad F = (\mathrm{Lab}, w M)

    of their mean colours and foreground; q of a class is 1 on its seeds, 0 on those of the
    other classes and on background anchors, harmonic elsewhere. The largest q wins,
    background where none exceeds the threshold.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        cams (np.ndarray): (C, H, W) activation maps >= 0 of the classes in the image,
            C >= 1; each is divided by its largest superpixel.
        foreground (np.ndarray): (H, W) probability M of any object, in [0, 1].
        options (DiffusionOptions, optional): Defaults to the published reading.

    Returns:
        Diffusion: Labels, and what led to them.

    Raises:
        NoAnchorError: A class has no seed, or nothing is background.
        ValueError: Shapes or ranges do not fit.

    Example:
        >>> image = np.zeros((20, 30, 3), np.uint8); image[5:15, 5:15] = 200
        >>> cam = np.zeros((1, 20, 30)); cam[0, 8:12, 8:12] = 1
        >>> options = DiffusionOptions(num_superpixels=24)
        >>> superpixel_diffusion(image, cam, cam[0], options).labels.shape
        (20, 30)
    """
    options = options or DiffusionOptions()
    _check(image, cams, foreground)
    size = image.shape[:2]
    scale = min(1, options.max_side / max(size))
    small = tuple(max(1, round(scale * side)) for side in size)
    if small == size:
        return _diffuse(image, cams, foreground, options)
    maps = [_shrunk(one, small) for one in (image, *cams, foreground)]
    result = _diffuse(maps[0], np.stack(maps[1:-1]), maps[-1], options)
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, small))
    nearest = rows[:, None], columns
    labels, superpixels = result.labels[nearest], result.superpixels[nearest]
    return Diffusion(labels, superpixels, result.anchors, result.q)


def _shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Means over the pixels that one of the smaller image stands for."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)


def _diffuse(
    image: np.ndarray, cams: np.ndarray, foreground: np.ndarray, options: DiffusionOptions
) -> Diffusion:
    """The same at the size of the image."""
    lab = to_lab(image)
    superpixels = find_superpixels(
        lab,
        min(options.num_superpixels, lab[..., 0].size),
        options.compactness,
        options.slic_iters,
        options.slic_sigma,
    )
    maps = np.concatenate([lab.transpose(2, 0, 1), foreground[None], cams])
    means = superpixel_means(maps, superpixels)
    colour, m, activation = means[:, :3], means[:, 3], means[:, 4:]
    border = border_superpixels(superpixels)
    anchors = find_anchors(activation, m, border, options)
    features = np.concatenate([colour, options.foreground_weight * m[:, None]], axis=1)
    pairs = neighbours(superpixels)
    weights = edge_weights(features, pairs, options.beta)
    values = (anchors[:, None] == np.arange(len(cams))).astype(np.float64)
    q = harmonic_extension(pairs, weights, anchors > -2, values)
    winner = np.where(q.max(1) < options.label_threshold, 0, q.argmax(1) + 1)
    return Diffusion(winner[superpixels], superpixels, anchors, q)


def edge_weights(features: np.ndarray, pairs: np.ndarray, beta: float) -> np.ndarray:
    """Weights of neighbouring superpixels.

    Args:
        features (np.ndarray): (n, F).
        pairs (np.ndarray): (m, 2) neighbours.
        beta (float): 1 / (2 sigma^2).

    Returns:
        np.ndarray: (m,) in [1e-12, 1].
    """
    difference = features[pairs[:, 0]] - features[pairs[:, 1]]
    return np.exp(-beta * np.square(difference).sum(1)).clip(MIN_WEIGHT)


def find_anchors(
    activation: np.ndarray,
    foreground: np.ndarray,
    border: np.ndarray,
    options: DiffusionOptions,
) -> np.ndarray:
    """Seeds of each class and background anchors.

    Args:
        activation (np.ndarray): (n, C) mean activations >= 0.
        foreground (np.ndarray): (n,) mean M.
        border (np.ndarray): (n,) bool, superpixels at the image border.
        options (DiffusionOptions): The thresholds.

    Returns:
        np.ndarray: (n,) int64; k seed of class k, -1 background, -2 none. A seed of two
        classes goes to the one that is more active.

    Raises:
        NoAnchorError: A class has no seed, or nothing is background.
    """
    largest = activation.max(axis=0)
    silent = np.flatnonzero(largest <= 0)
    if len(silent):
        raise NoAnchorError(f'no seed: class {silent[0]} is active nowhere')
    relative = activation / largest
    active = relative.max(axis=1) >= options.seed_threshold
    owner = np.where(active, relative.argmax(axis=1), -2)
    is_seed = active & (foreground >= options.seed_foreground)
    for k in range(activation.shape[1]):
        if not (owner == k).any():
            raise NoAnchorError(f'no seed: class {k} has no superpixel of its own')
        if not is_seed[owner == k].any():
            is_seed[np.where(owner == k, relative[:, k], -1).argmax()] = True
    anchors = np.where(is_seed, owner, -2)
    free = ~is_seed & (relative.max(axis=1) < options.background_cam)
    background = free & (foreground < options.background_foreground)
    if not background.any():
        background = ~is_seed & border & (foreground < options.border_foreground)
    if not background.any():
        raise NoAnchorError(
            'no background anchor: no superpixel is quiet, none at the border has M < '
            f'{options.border_foreground}'
        )
    anchors[background] = -1
    return anchors


def _check(image: np.ndarray, cams: np.ndarray, foreground: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f'image must be (H, W, 3) uint8, got {image.dtype} of shape {image.shape}'
        )
    size = image.shape[:2]
    if cams.ndim != 3 or cams.shape[1:] != size or foreground.shape != size:
        raise ValueError(
            f'image of {size}, cams of {cams.shape} and foreground of {foreground.shape}: '
            'expected (C, H, W) and (H, W)'
        )
    if not len(cams):
        raise NoAnchorError('no seed: the image has no tag')
    if not (np.isfinite(cams).all() and cams.min() >= 0):
        raise ValueError('cams must be finite and >= 0')
    if not (foreground.min() >= 0 and foreground.max() <= 1):
        raise ValueError('foreground must lie in [0, 1]')
