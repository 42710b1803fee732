import numpy as np
import pytest
import torch

from mmseg_weak.refinement import build_refinement, dense_crf
from mmseg_weak.refinement.cam_label import AffinityLabelRule

STEPS = (dict(type='dense_crf'),)


def affinity_label(image, cams, labels, steps=()):
    return AffinityLabelRule().label(image, cams, labels, steps=steps)


def cams_of(*values):
    """One column of pixels for each value of a single class."""
    return torch.tensor(values).expand(1, 4, -1).clone()


def black(width, height=4):
    return torch.zeros(1, 3, height, width)


def test_three_zones():
    values = (0.0, 0.02, 0.2, 0.5, 0.95)
    label = affinity_label(black(5), cams_of(*values), [7])
    expected = []
    for v in values:
        if v > (1 - v) ** 4:
            expected.append(7)
        else:
            expected.append(0 if v < (1 - v) ** 32 else 255)
    assert expected == [0, 0, 255, 7, 7]
    assert label.shape == (4, 5)
    assert (label == torch.tensor(expected)).all()


def test_classes_compete():
    cams = torch.cat([cams_of(0.9, 0.1), cams_of(0.2, 0.8)])
    label = affinity_label(black(2), cams, [3, 5])
    assert (label == torch.tensor([3, 5])).all()


def test_two_passes_of_the_crf():
    rng = np.random.default_rng(0)
    image = np.full((24, 24, 3), 30, np.uint8)
    image[:, 12:] = 200
    cam = 0.05 * rng.random((1, 24, 24), np.float32)
    cam[0, 2:22, 13:23] += 0.85
    labels = [
        dense_crf(image, np.concatenate([(1 - cam) ** power, cam])).argmax(axis=0)
        for power in (4, 32)
    ]
    expected = np.where(labels[0] == 0, 255, 2)
    expected[labels[1] == 0] = 0
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    steps = [build_refinement(step) for step in STEPS]
    label = affinity_label(tensor, torch.from_numpy(cam), [2], steps=steps)
    np.testing.assert_array_equal(label, expected)
    assert (label[:, 12:] == 2).float().mean() > 0.8
    assert (label[:, :12] == 0).float().mean() > 0.8


@pytest.mark.parametrize('with_crf', [False, True])
@pytest.mark.parametrize('labels', [[], [1, 4]])
def test_nothing_active_is_background(labels, with_crf):
    cams = torch.zeros(len(labels), 6, 6)
    steps = [build_refinement(step) for step in STEPS if with_crf]
    label = affinity_label(black(6, 6), cams, labels, steps=steps)
    assert (label == 0).all()


@pytest.mark.parametrize('powers', [(8, 8), (0, 4), (4, float('inf')), (float('nan'), 4)])
def test_powers_out_of_range(powers):
    with pytest.raises(ValueError, match='0 < low < high'):
        AffinityLabelRule(background_power=powers[0], high_power=powers[1])
