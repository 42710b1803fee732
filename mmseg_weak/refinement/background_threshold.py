"""Where background ends in activation maps, chosen without ground truth."""

from collections.abc import Callable

import numpy as np

NUM_BINS = 256


def activation_histogram(cams: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """Count the largest activation of every pixel.

    Args:
        cams (np.ndarray): Normalised maps of the classes present, (n, H, W) in [0, 1].
        num_bins (int): Bins of equal width on [0, 1]. Defaults to 256.

    Returns:
        np.ndarray: (num_bins,) int64; zeros for an image without classes, which says
        nothing about where objects end.
    """
    if not len(cams):
        return np.zeros(num_bins, np.int64)
    strongest = np.asarray(cams, np.float32).max(axis=0).ravel()
    index = np.minimum((strongest * num_bins).astype(np.int64), num_bins - 1)
    return np.bincount(index, minlength=num_bins)


def otsu(counts: np.ndarray) -> float:
    """Threshold with the largest variance between both sides (Otsu, 1979).

    The right choice when both sides scatter alike.

    Args:
        counts (np.ndarray): Histogram on [0, 1], see :func:`activation_histogram`.

    Returns:
        float: In [0, 1].
    """
    below, above, mean_below, mean_above = _sides(counts)
    return _best(counts, below * above * (mean_below - mean_above) ** 2)


def minimum_cross_entropy(counts: np.ndarray) -> float:
    r"""Threshold with the least cross-entropy to a two-level map (Li and Lee, 1993).

    Maximises :math:`m_0 \log \mu_0 + m_1 \log \mu_1`, m being the summed and :math:`\mu`
    the mean activation of a side. That is maximum likelihood for values whose variance
    grows with their mean, as rectified activations do: many small values close together,
    few large ones far apart. It lies below Otsu's threshold on such data.

    Args:
        counts (np.ndarray): Histogram on [0, 1], see :func:`activation_histogram`.

    Returns:
        float: In [0, 1].
    """
    below, above, mean_below, mean_above = _sides(counts)
    gain = below * mean_below * np.log(mean_below) + above * mean_above * np.log(mean_above)
    return _best(counts, gain)


RULES: dict[str, Callable[[np.ndarray], float]] = dict(li=minimum_cross_entropy, otsu=otsu)


def background_threshold(counts: np.ndarray, rule: str = 'li') -> float:
    """Constant background score for a data set, from its activations alone.

    Args:
        counts (np.ndarray): Sum of :func:`activation_histogram` over images.
        rule (str): ``li`` or ``otsu``. Defaults to ``li``.

    Returns:
        float: In [0, 1], rounded to three digits.

    Raises:
        ValueError: The rule is unknown or nothing was counted.
    """
    if rule not in RULES:
        raise ValueError(f'unknown rule {rule!r}: choose one of {", ".join(RULES)}')
    counts = np.asarray(counts, np.float64)
    if not counts.sum():
        raise ValueError('no activation was counted: no image has a tag')
    return round(float(RULES[rule](counts)), 3)


def _sides(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weight and mean below and above each inner bin edge, (num_bins - 1,) each."""
    counts = np.asarray(counts, np.float64)
    centres = (np.arange(len(counts)) + 0.5) / len(counts)
    below, mass = np.cumsum(counts)[:-1], np.cumsum(counts * centres)[:-1]
    above, rest = counts.sum() - below, (counts * centres).sum() - mass
    # An empty side has no mean; any value above 0 will do, its weight is 0.
    tiny = 1e-12
    return (
        below,
        above,
        np.maximum(mass / np.maximum(below, tiny), tiny),
        np.maximum(rest / np.maximum(above, tiny), tiny),
    )


def _best(counts: np.ndarray, gain: np.ndarray) -> float:
    """Edge with the largest gain; the middle of them when a gap makes several equal."""
    best = np.flatnonzero(np.isclose(gain, gain.max(), rtol=1e-12, atol=0))
    return float((best.mean() + 1) / len(counts))
