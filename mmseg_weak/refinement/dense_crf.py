"""Fully connected CRF: probabilities snap to the edges of their image."""

import numpy as np

PROB_EPS = 1e-10


def dense_crf(
    image: np.ndarray,
    probs: np.ndarray,
    gaussian_sxy: float = 3,
    gaussian_compat: float = 3,
    bilateral_sxy: float = 80,
    bilateral_srgb: float = 13,
    bilateral_compat: float = 10,
    num_iters: int = 10,
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
    check_crf_options(
        gaussian_sxy=gaussian_sxy,
        gaussian_compat=gaussian_compat,
        bilateral_sxy=bilateral_sxy,
        bilateral_srgb=bilateral_srgb,
        bilateral_compat=bilateral_compat,
        num_iters=num_iters,
    )
    labels, height, width = probs.shape
    negative_unary = np.log(
        np.maximum(probs.reshape(labels, -1), PROB_EPS, dtype=np.float32)
    )
    kernels = _kernels(
        image,
        (gaussian_sxy, gaussian_compat),
        (bilateral_sxy, bilateral_srgb, bilateral_compat),
    )
    q = _softmax(negative_unary.copy())
    for _ in range(num_iters):
        # The lattice reads the labels of a pixel together, the softmax apart.
        values = np.ascontiguousarray(q.T)
        logits = negative_unary.copy()
        for compat, lattice in kernels:
            logits += np.float32(compat) * lattice.filter(values).T
        q = _softmax(logits)
    return q.reshape(labels, height, width)


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


def check_crf_options(**options: float) -> None:
    """Check keyword arguments of :func:`dense_crf`.

    Raises:
        ValueError: A standard deviation is not positive, or a weight or the number of
            iterations is negative.
    """
    for name, value in options.items():
        if name.endswith(('_sxy', '_srgb')):
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f'{name} must be positive, got {value}')
        elif not (np.isfinite(value) and value >= 0):
            raise ValueError(f'{name} must be finite and not negative, got {value}')


def _kernels(
    image: np.ndarray, gaussian: tuple, bilateral: tuple
) -> list[tuple[float, object]]:
    """Weights and lattices of the kernels that have a weight."""
    # Importing numba takes as long as importing the rest of the package.
    from .permutohedral import PermutohedralLattice

    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32).reshape(2, -1, 1)
    position = np.concatenate([x, y], axis=1)
    kernels = []
    std, compat = gaussian
    if compat > 0:
        kernels.append((compat, PermutohedralLattice(position / np.float32(std))))
    std_xy, std_rgb, compat = bilateral
    if compat > 0:
        color = image.reshape(-1, 3) / np.float32(std_rgb)
        features = np.concatenate([position / np.float32(std_xy), color], axis=1)
        kernels.append((compat, PermutohedralLattice(features)))
    return kernels


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the first axis, in place."""
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits
