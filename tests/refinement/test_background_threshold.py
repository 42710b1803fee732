"""Rules for the background score against scikit-image, and on maps with a known answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.filters import threshold_li, threshold_otsu

from mmseg_weak.refinement.background_threshold import (
    activation_histogram,
    background_threshold,
    minimum_cross_entropy,
    otsu,
)


def two_levels(seed, share=0.3):
    """Activations of background near 0 and of objects spread up to 1."""
    rng = np.random.default_rng(seed)
    low = rng.exponential(0.06, 40000)
    high = rng.beta(4, 4, int(40000 * share))
    return np.concatenate([low, high]).clip(0, 0.9999)


def cross_entropy(values, threshold):
    """Of values and the means of the two sides (Li and Lee, 1993), up to a constant."""
    sides = values[values < threshold], values[values >= threshold]
    return -sum(side.sum() * np.log(side.mean()) for side in sides) / values.sum()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1))
def test_agrees_with_scikit_image(seed, share):
    values = two_levels(seed, share)
    counts = activation_histogram(values.reshape(1, 1, -1))
    centres = (np.floor(values * 256) + 0.5) / 256
    expected = threshold_otsu(hist=(counts, (np.arange(256) + 0.5) / 256))
    assert otsu(counts) == pytest.approx(expected, abs=1.01 / 256)
    # scikit-image walks downhill to a minimum near its start, ours is the least of all.
    theirs = threshold_li(centres, tolerance=1e-4)
    ours = minimum_cross_entropy(counts)
    assert cross_entropy(centres, ours) <= cross_entropy(centres, theirs) + 1e-6
    assert ours == pytest.approx(theirs, abs=0.03)
    assert minimum_cross_entropy(counts) < otsu(counts)


def test_histogram_counts_the_strongest_class():
    cams = np.array([[[0.0, 0.2]], [[0.999, 0.1]]])
    counts = activation_histogram(cams, 10)
    assert counts.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert activation_histogram(np.ones((1, 2, 2)), 4).tolist() == [0, 0, 0, 4]
    assert activation_histogram(np.zeros((0, 5, 5))).sum() == 0


def test_a_gap_is_cut_in_its_middle():
    counts = np.zeros(256)
    counts[25], counts[204] = 100, 50
    for rule in ('li', 'otsu'):
        assert background_threshold(counts, rule) == pytest.approx(0.45, abs=0.01)


def test_flat_and_empty_maps():
    counts = np.zeros(256)
    counts[7] = 10
    assert 0 <= background_threshold(counts) <= 1
    with pytest.raises(ValueError, match='no image has a tag'):
        background_threshold(np.zeros(256))
    with pytest.raises(ValueError, match="unknown rule 'best'"):
        background_threshold(counts, 'best')
