"""Fully connected CRF: probabilities snap to the edges of their image."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from torch import Tensor

from .._ranges import Interval, Share, check_options, check_ranges
from .._tensors import rgb_pixels
from ..registry import REFINEMENTS
from .interface import ImageByImage

if TYPE_CHECKING:
    from .permutohedral import PermutohedralLattice

Width = Annotated[float, Interval(0, is_open=True, says='positive')]
Weight = Annotated[float, Interval(0, says='finite and not negative')]
PROB_EPS = 1e-10


@check_ranges
def dense_crf(
    image: np.ndarray,
    probs: np.ndarray,
    gaussian_sxy: Width = 3,
    gaussian_compat: Weight = 3,
    bilateral_sxy: Width = 80,
    bilateral_srgb: Width = 13,
    bilateral_compat: Weight = 10,
    num_iters: Weight = 10,
) -> np.ndarray:
    r"""Refine probabilities by mean-field inference in a dense CRF.

    Krähenbühl and Koltun, NIPS 2011, `arXiv:1210.5644
    <https://arxiv.org/abs/1210.5644>`_, Algorithm 1 with Potts compatibility. From
    :math:`U = -\log p` and :math:`Q = \mathrm{softmax}(-U)`

    .. math::
        Q \leftarrow \mathrm{softmax}\Big(-U + \sum_m w_m N_m K_m N_m Q\Big),
        \qquad N_m = \mathrm{diag}(K_m 1 + 10^{-20})^{-1/2}

    is repeated, with a Gaussian kernel on the position and one on position and
    colour, both filtered on a permutohedral lattice built once per image. Needs no
    compiler: the kernels are numba's and compile at the first call (seconds once per
    installation). Runs on one thread; memory is about 120 bytes per pixel plus 12 per
    pixel and label.

    An image of a single colour, or of one pixel, is no special case. Time grows with
    the number of labels: pass background and the classes present, not all.

    Args:
        image (np.ndarray): RGB, shape (H, W, 3), uint8.
        probs (np.ndarray): Probabilities of the labels, shape (C, H, W), floating
            point, in [0, 1]. Values below 1e-10 are clipped to it; a pixel need not
            sum to 1.
        gaussian_sxy (float): Standard deviation of the position kernel in pixels.
            Defaults to 3.
        gaussian_compat (float): Its weight; 0 leaves the kernel out. Defaults to 3.
        bilateral_sxy (float): Standard deviation in pixels of the kernel on position
            and colour. Defaults to 80.
        bilateral_srgb (float): Its standard deviation in grey levels (0 to 255).
            Defaults to 13.
        bilateral_compat (float): Its weight; 0 leaves the kernel out. Defaults to 10.
        num_iters (int): Mean-field iterations; 0 gives the normalised ``probs``.
            Defaults to 10.

    Returns:
        np.ndarray: Probabilities that sum to 1 over the labels, shape (C, H, W),
        float32.

    Raises:
        ValueError: The image is not uint8 (H, W, 3), the probabilities are not
            floating point (C, H, W) of the image's size, not finite or outside
            [0, 1], or a parameter is out of range.

    Example:
        >>> image = np.zeros((32, 32, 3), np.uint8)
        >>> probs = np.full((2, 32, 32), 0.5, np.float32)
        >>> dense_crf(image, probs).shape
        (2, 32, 32)
    """
    _check_maps(image, probs)
    # Importing numba takes as long as importing the rest of the package.
    from .permutohedral import softmax_rows

    labels, height, width = probs.shape
    # The labels of a pixel lie together: the lattice reads and writes them together.
    pixels = np.ascontiguousarray(probs.reshape(labels, -1).T, dtype=np.float32)
    negative_unary = np.log(np.maximum(pixels, np.float32(PROB_EPS)))
    kernels = _kernels(
        image,
        (gaussian_sxy, gaussian_compat),
        (bilateral_sxy, bilateral_srgb, bilateral_compat),
    )
    q = negative_unary.copy()
    softmax_rows(q)
    for _ in range(num_iters):
        logits = negative_unary.copy()
        for lattice in kernels:
            lattice.add_filtered(q, logits)
        softmax_rows(logits)
        q = logits
    return np.ascontiguousarray(q.T).reshape(labels, height, width)


def _check_maps(image: np.ndarray, probs: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f'image must be uint8 (H, W, 3), got {image.dtype} of shape {image.shape}'
        )
    if not np.issubdtype(probs.dtype, np.floating) or probs.ndim != 3:
        raise ValueError(
            'probs must be floating point (C, H, W), got '
            f'{probs.dtype} of shape {probs.shape}'
        )
    if probs.shape[1:] != image.shape[:2]:
        raise ValueError(
            f'probs are {probs.shape[1]}x{probs.shape[2]} but the image is '
            f'{image.shape[0]}x{image.shape[1]}'
        )
    if probs.size == 0:
        raise ValueError(f'probs are empty, shape {probs.shape}')
    low, high = probs.min(), probs.max()  # NaN if any value is NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        count = int((~np.isfinite(probs)).sum())
        raise ValueError(f'probs hold {count} values that are not finite')
    # Half precision softmaxes exceed 1 by rounding.
    if low < 0 or high > 1.01:
        raise ValueError(f'probs must lie in [0, 1], got [{low}, {high}]')


@REFINEMENTS.register_module(name=['dense_crf', 'DenseCRFRefinement'])
class DenseCRFRefinement(ImageByImage):
    """:func:`dense_crf` on batches of tensors, image by image.

    Runs on the CPU whatever the device of the tensors. Only channels with a score above 0
    somewhere in an image take part, so the work follows the classes of the image; the
    others stay 0.

    Args:
        min_score (float): Smaller scores count as this, in [0, 1]. Above 0 all channels
            take part. Defaults to 0.
        **options: Keyword arguments of :func:`dense_crf`.

    Raises:
        ValueError: An option is unknown or out of range.
    """

    @check_ranges
    def __init__(self, min_score: Share = 0.0, **options) -> None:
        check_options('dense_crf', dense_crf, options)
        self.min_score, self.options = min_score, options

    def refine_image(self, image: Tensor, scores: Tensor) -> Tensor:
        """Refine; shapes as in :meth:`ImageByImage.refine_image`."""
        scores = scores.clamp(min=self.min_score) if self.min_score else scores
        refined = torch.zeros_like(scores)
        classes = torch.nonzero(scores[0].flatten(1).amax(1) > 0)[:, 0]
        if len(classes):
            probs = scores[0, classes].float().cpu().numpy()
            result = dense_crf(rgb_pixels(image), probs, **self.options)
            refined[0, classes] = torch.from_numpy(result).to(scores)
        return refined


def _kernels(
    image: np.ndarray, gaussian: tuple, bilateral: tuple
) -> list['PermutohedralLattice']:
    """Lattices of the kernels that have a weight, with that gain."""
    from .permutohedral import PermutohedralLattice

    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32).reshape(2, -1, 1)
    position = np.concatenate([x, y], axis=1)
    kernels = []
    std, compat = gaussian
    if compat > 0:
        kernels.append(PermutohedralLattice(position / np.float32(std), compat))
    std_xy, std_rgb, compat = bilateral
    if compat > 0:
        color = image.reshape(-1, 3) / np.float32(std_rgb)
        features = np.concatenate([position / np.float32(std_xy), color], axis=1)
        kernels.append(PermutohedralLattice(features, compat))
    return kernels
