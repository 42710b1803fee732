"""Scores beside the pictures against the toolbox and plain counting."""

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric

from mmseg_weak.evaluation.confusion import (
    click_agreement,
    mean_iou,
    pixel_agreement,
)


def test_pixel_agreement_counts_pixels_known_in_both():
    first = np.array([[0, 1, 2, 255]])
    second = np.array([[0, 1, 1, 1]])
    assert pixel_agreement(first, second) == pytest.approx(200 / 3)
    assert np.isnan(pixel_agreement(np.full((2, 2), 255), np.zeros((2, 2))))


def test_click_agreement_reads_the_clicked_pixels():
    labels = np.zeros((4, 6), np.uint8)
    labels[1, 5] = 2
    clicks = [[5.0, 1.0], [5.99, 1.99], [4.9, 1.5], [6.0, 1.0], [-0.1, 0.0]]
    assert click_agreement(labels, clicks, [2, 2, 2, 2, 0]) == pytest.approx(200 / 3)
    assert np.isnan(click_agreement(labels, np.zeros((0, 2)), np.zeros(0)))
    assert np.isnan(click_agreement(labels, [[9.0, 9.0]], [0]))


@pytest.mark.parametrize('seed', range(3))
def test_mean_iou_is_that_of_mmseg(seed):
    rng = np.random.default_rng(seed)
    labels, mask = rng.integers(0, 4, (2, 20, 20), dtype=np.uint8)
    mask[rng.random((20, 20)) < 0.2] = 255
    areas = IoUMetric.intersect_and_union(
        torch.from_numpy(labels), torch.from_numpy(mask), 5, 255
    )
    iou = areas[0] / areas[1]  # class 4 is in neither: 0 / 0
    expected = 100 * iou[:4].mean().item()
    assert mean_iou(labels, mask, 5) == pytest.approx(expected, rel=1e-5)


def test_mean_iou_of_void_is_unknown():
    assert np.isnan(mean_iou(np.zeros((2, 2), np.uint8), np.full((2, 2), 255), 3))
