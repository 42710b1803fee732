"""Diffusion equals a dense solver, a walk and what one works out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from mmseg_weak.refinement import NoAnchorError, harmonic, superpixel_diffusion
from mmseg_weak.refinement.harmonic import harmonic_extension
from mmseg_weak.refinement.superpixel_diffusion import DiffusionOptions, find_anchors
from mmseg_weak.refinement.superpixels import (
    border_superpixels,
    find_superpixels,
    neighbours,
    superpixel_means,
    to_lab,
)

OPTIONS = DiffusionOptions(num_superpixels=60)


def scene(seed=0, height=60, width=80):
    """Two coloured squares on noise with a blob of activation in each."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 90.0)
    image[10:40, 8:38], image[20:55, 48:74] = (200, 60, 40), (40, 80, 210)
    image = (image + rng.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)
    cams, mask = np.zeros((2, height, width)), np.zeros((height, width), int)
    cams[0, 18:30, 16:28], cams[1, 30:44, 54:66] = 2.0, 0.5
    mask[10:40, 8:38], mask[20:55, 48:74] = 1, 2
    return image, cams, np.where(mask > 0, 0.8, 0.1), mask


def dense_solution(result, image, foreground, beta):
    """The minimum by looping over pixels, a dense Laplacian and its pseudo-inverse."""
    count = result.superpixels.max() + 1
    lab = (rgb2lab(image) + [0, 128, 128]) / [100, 255, 255]
    features = np.array(
        [
            np.r_[
                lab[result.superpixels == i].mean(0),
                foreground[result.superpixels == i].mean(),
            ]
            for i in range(count)
        ]
    )
    z = np.zeros((count, count))
    height, width = result.superpixels.shape
    for y in range(height):
        for x in range(width):
            i = result.superpixels[y, x]
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < height and u < width and result.superpixels[v, u] != i:
                    j = result.superpixels[v, u]
                    z[i, j] = z[j, i] = np.exp(
                        -beta * np.sum((features[i] - features[j]) ** 2)
                    )
    laplacian = np.diag(z.sum(1)) - z
    solution = np.zeros_like(result.q)
    free, fixed = result.anchors == -2, result.anchors > -2
    for c in range(result.q.shape[1]):
        solution[fixed, c] = result.anchors[fixed] == c
        right = -laplacian[np.ix_(free, fixed)] @ solution[fixed, c]
        solution[free, c] = np.linalg.lstsq(laplacian[np.ix_(free, free)], right)[0]
    return solution


def test_equals_dense_solver():
    image, cams, foreground, _ = scene()
    result = superpixel_diffusion(image, cams, foreground, OPTIONS)
    expected = dense_solution(result, image, foreground, OPTIONS.beta)
    np.testing.assert_allclose(result.q, expected, atol=2e-4)  # two Lab conversions
    assert 0 < (result.anchors == -2).sum() < len(result.anchors)


def test_labels_follow_objects_and_the_largest_q():
    image, cams, foreground, mask = scene()
    result = superpixel_diffusion(image, cams, foreground, OPTIONS)
    assert (result.labels == mask).mean() > 0.88  # superpixels are 9 pixels wide
    q = result.q[result.superpixels]
    expected = np.where(q.max(-1) < 0.5, 0, q.argmax(-1) + 1)
    np.testing.assert_array_equal(result.labels, expected)


def test_foreground_enters_through_the_edges_only():
    image, cams, foreground, mask = scene()
    grey = np.full_like(image, 128)  # nothing but M tells the objects apart
    with_m = superpixel_diffusion(grey, cams, foreground, OPTIONS)
    # Anchors come out the same when M is left out of the edges.
    without = superpixel_diffusion(
        grey, cams, foreground, DiffusionOptions(num_superpixels=60, foreground_weight=0)
    )
    np.testing.assert_array_equal(with_m.anchors, without.anchors)
    assert np.abs(with_m.q - without.q).max() > 0.05
    right = [(r.labels == mask)[mask > 0].mean() for r in (with_m, without)]
    assert right[0] > right[1]


@pytest.mark.parametrize('size', [(60, 80), (61, 83)])
def test_large_images_are_solved_smaller(size):
    """Twice as large, each pixel twice: the labels are those of half the size, doubled."""
    image, cams, foreground, _ = scene(height=size[0], width=size[1])
    image, cams = (
        np.kron(image, np.ones((2, 2, 1), np.uint8)),
        np.kron(cams, np.ones((2, 2))),
    )
    foreground = np.kron(foreground, np.ones((2, 2)))
    options = replace(OPTIONS, max_side=size[1])
    result = superpixel_diffusion(image, cams, foreground, options)
    small = superpixel_diffusion(
        image[::2, ::2], cams[:, ::2, ::2], foreground[::2, ::2], options
    )
    twice = np.ones((2, 2), np.int64)
    np.testing.assert_array_equal(result.labels, np.kron(small.labels, twice))
    np.testing.assert_array_equal(result.superpixels, np.kron(small.superpixels, twice))
    np.testing.assert_allclose(result.q, small.q, atol=1e-6)


def test_a_line_of_pixels_may_be_long():
    image = np.zeros((1, 900, 3), np.uint8)
    image[:, 450:] = 200
    cams = np.zeros((1, 1, 900))
    cams[..., :100] = 1
    foreground = np.full((1, 900), 0.1)
    options = replace(OPTIONS, max_side=90)
    labels = superpixel_diffusion(image, cams, foreground, options).labels
    assert labels.shape == (1, 900) and labels[0, 50] == 1 and labels[0, 850] == 0


@pytest.mark.parametrize('max_dense', [0, 300])
def test_pairs_that_are_listed_twice_add_up(monkeypatch, max_dense):
    monkeypatch.setattr(harmonic, 'MAX_DENSE', max_dense)
    pairs = np.array([[0, 1], [1, 2], [2, 1], [2, 3]])
    clamped = np.array([True, False, False, True])
    q = harmonic_extension(pairs, np.ones(4), clamped, np.eye(4)[:, :1])
    np.testing.assert_allclose(q[:, 0], [1, 0.6, 0.4, 0], atol=1e-12)


def test_harmonic_on_a_path():
    """A chain with weights 1, 2, 1: the potential falls by 1/weight, like resistors."""
    pairs = np.array([[0, 1], [1, 2], [2, 3]])
    clamped = np.array([True, False, False, True])
    q = harmonic_extension(pairs, np.array([1.0, 2, 1]), clamped, np.eye(4)[:, :1])
    np.testing.assert_allclose(q[:, 0], [1, 0.6, 0.4, 0])


@pytest.mark.parametrize('max_dense', [0, 300])
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**6), st.integers(3, 25), st.integers(1, 4))
def test_harmonic_property(monkeypatch, max_dense, seed, count, classes):
    """Each free node is the weighted mean of its neighbours; classes and rest add to 1."""
    monkeypatch.setattr(harmonic, 'MAX_DENSE', max_dense)
    rng = np.random.default_rng(seed)
    pairs = {(i, int(rng.integers(i))) for i in range(1, count)}  # a tree: connected
    pairs |= {tuple(sorted(rng.choice(count, 2, False))[::-1]) for _ in range(count)}
    pairs = np.array(sorted(pairs))
    weights = rng.uniform(1e-3, 1, len(pairs))
    clamped = rng.random(count) < 0.4
    clamped[0] = True
    values = np.eye(classes + 1)[rng.integers(0, classes + 1, count)]
    q = harmonic_extension(pairs, weights, clamped, values)
    z = np.zeros((count, count))
    z[tuple(pairs.T)] = z[tuple(pairs.T[::-1])] = weights
    np.testing.assert_allclose(q.sum(1), 1)
    np.testing.assert_array_equal(q[clamped], values[clamped])
    mean = z @ q / z.sum(1, keepdims=True)
    np.testing.assert_allclose(q[~clamped], mean[~clamped], atol=1e-9)


@pytest.mark.parametrize('max_dense', [0, 300])
def test_harmonic_on_an_island_of_small_weights(monkeypatch, max_dense):
    """Two nodes that hold together and on to both clamped ones by 1e-12 and 3e-12."""
    monkeypatch.setattr(harmonic, 'MAX_DENSE', max_dense)
    pairs = np.array([[0, 1], [1, 2], [2, 3]])
    clamped = np.array([True, False, False, True])
    q = harmonic_extension(pairs, np.array([1e-12, 1, 3e-12]), clamped, np.eye(4)[:, :1])
    np.testing.assert_allclose(q[1:3, 0], 0.25, rtol=1e-9)


@pytest.mark.parametrize('max_dense', [0, 300])
def test_harmonic_refuses_what_nothing_determines(monkeypatch, max_dense):
    monkeypatch.setattr(harmonic, 'MAX_DENSE', max_dense)
    pairs, clamped = np.array([[0, 1], [2, 3]]), np.array([True, False, False, False])
    with pytest.raises(ValueError, match='2 nodes of the graph are connected to no'):
        harmonic_extension(pairs, np.ones(2), clamped, np.ones((4, 1)))
    with pytest.raises(ValueError, match='positive and finite'):
        harmonic_extension(pairs, np.zeros(2), clamped, np.ones((4, 1)))
    chain, weights = np.array([[0, 1], [1, 2], [2, 3]]), np.array([1e-300, 1, 1])
    with pytest.raises(ValueError, match='orders of magnitude'):
        harmonic_extension(chain, weights, clamped, np.ones((4, 1)))
    every = harmonic_extension(pairs, np.ones(2), np.ones(4, bool), np.eye(4))
    np.testing.assert_array_equal(every, np.eye(4))


def test_superpixel_parts_equal_slow_forms():
    image = scene()[0]
    superpixels = find_superpixels(to_lab(image), 40)
    ids = np.unique(superpixels)
    np.testing.assert_array_equal(ids, np.arange(len(ids)))
    maps = np.random.default_rng(0).random((3, *superpixels.shape))
    means = [[one[superpixels == i].mean() for one in maps] for i in ids]
    np.testing.assert_allclose(superpixel_means(maps, superpixels), means)
    height, width = superpixels.shape
    pairs, border = set(), set()
    for y in range(height):
        for x in range(width):
            i = int(superpixels[y, x])
            if y in (0, height - 1) or x in (0, width - 1):
                border.add(i)
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < height and u < width and superpixels[v, u] != i:
                    pairs.add(tuple(sorted((i, int(superpixels[v, u])))))
    assert sorted(pairs) == [tuple(pair) for pair in neighbours(superpixels).tolist()]
    assert border == set(np.flatnonzero(border_superpixels(superpixels)).tolist())
    np.testing.assert_allclose(
        to_lab(image), (rgb2lab(image) + [0, 128, 128]) / [100, 255, 255], atol=2e-3
    )


def test_superpixels_follow_colours():
    """No grid: hardly a superpixel lies across a border of colours."""
    image, _, _, mask = scene(height=120, width=160)
    superpixels = find_superpixels(to_lab(image), 80)
    impure = [len(np.unique(mask[superpixels == i])) > 1 for i in np.unique(superpixels)]
    assert np.mean(impure) < 0.15  # of a grid a third


def anchors(activation, foreground, border=None, **options):
    activation = np.asarray(activation, float)
    border = np.ones(len(activation), bool) if border is None else np.asarray(border)
    foreground = np.asarray(foreground, float)
    return find_anchors(activation, foreground, border, DiffusionOptions(**options))


def test_anchors_by_hand():
    activation = [[1, 0], [0.35, 0.1], [0.05, 0.5], [0.6, 0.4], [0.02, 0.01], [0, 0]]
    m = [0.9, 0.9, 0.9, 0.9, 0.1, 0.9]
    # Class 1 peaks at 0.5: superpixel 3 is 0.6 of class 0, but 0.8 of class 1.
    np.testing.assert_array_equal(anchors(activation, m), [0, 0, 1, 1, -1, -2])


def test_seeds_are_sure_of_being_foreground():
    activation = [[1, 0], [0.5, 0], [0, 1], [0, 0.6], [0, 0]]
    m = [0.2, 0.6, 0.3, 0.1, 0]
    found = anchors(activation, m, seed_foreground=0.5)
    # Class 1 has no such superpixel: its most active one stays.
    np.testing.assert_array_equal(found, [-2, 0, 1, -2, -1])


def test_background_from_the_border():
    activation, m = [[1], [0.2], [0.2], [0.2]], [0.9, 0.3, 0.3, 0.6]
    border = [True, True, False, True]
    np.testing.assert_array_equal(anchors(activation, m, border), [0, -1, -2, -2])


@pytest.mark.parametrize(
    ('activation', 'm', 'options', 'message'),
    [
        ([[1, 0], [0, 0]], [0, 0], {}, 'no seed: class 1 is active nowhere'),
        ([[1], [0.2]], [0.9, 0.9], {}, 'no background anchor'),
        ([[1, 0], [0, 1]], [0.9, 0.9], {}, 'no background anchor'),
        ([[1, 1], [0, 0]], [0.9, 0], {}, 'no seed: class 1 has no superpixel of its own'),
    ],
)
def test_no_anchor(activation, m, options, message):
    with pytest.raises(NoAnchorError, match=message):
        anchors(activation, m, **options)


def test_grain_does_not_melt_superpixels():
    image = np.full((90, 120, 3), 120.0)
    image += np.random.default_rng(0).normal(0, 20, image.shape)
    lab = to_lab(image.clip(0, 255).astype(np.uint8))
    assert find_superpixels(lab, 100).max() + 1 >= 50


def test_image_of_one_colour_is_a_grid_with_smooth_q():
    image = np.full((40, 40, 3), 77, np.uint8)
    cams = np.zeros((1, 40, 40))
    cams[0, :8, :8] = 1
    result = superpixel_diffusion(
        image, cams, np.zeros((40, 40)), DiffusionOptions(num_superpixels=25)
    )
    assert len(result.q) == 25 and set(np.unique(result.labels)) == {0, 1}


def test_bad_input():
    image, cams, foreground, _ = scene()
    with pytest.raises(ValueError, match='must be in 1 to 4800, the number of pixels'):
        find_superpixels(to_lab(image), 4801)
    with pytest.raises(NoAnchorError, match='no tag'):
        superpixel_diffusion(image, cams[:0], foreground)
    with pytest.raises(ValueError, match='expected'):
        superpixel_diffusion(image, cams[:, 1:], foreground)
    with pytest.raises(ValueError, match='uint8'):
        superpixel_diffusion(image / 255, cams, foreground)
    with pytest.raises(ValueError, match='finite'):
        superpixel_diffusion(image, cams * np.nan, foreground)
    with pytest.raises(ValueError, match=r'foreground must lie in \[0, 1\]'):
        superpixel_diffusion(image, cams, foreground * 9)


@pytest.mark.parametrize(
    'options',
    [
        dict(beta=0),
        dict(beta=float('nan')),
        dict(foreground_weight=-1),
        dict(seed_threshold=0),
        dict(label_threshold=1.5),
        dict(compactness=0),
        dict(slic_iters=0),
        dict(num_superpixels=2.5),
        dict(slic_sigma=-1),
        dict(beta='high'),
        dict(compactness=True),
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DiffusionOptions(**options)


def test_numbers_of_numpy_are_numbers():
    options = DiffusionOptions(num_superpixels=np.int64(40), beta=np.float32(3))
    assert superpixel_diffusion(*scene()[:3], options).labels.shape == (60, 80)


def test_more_superpixels_than_pixels_are_as_many_as_pixels():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    cam, foreground = np.zeros((1, 5, 7)), np.full((5, 7), 0.1)
    cam[0, 2, 3], foreground[2, 3] = 1, 0.9
    result = superpixel_diffusion(image, cam, foreground)
    assert 1 < len(result.q) <= 35 and result.labels[2, 3] == 1
    with pytest.raises(NoAnchorError, match='no background anchor'):
        superpixel_diffusion(image[:1, :1], cam[:, 2:3, 3:4], foreground[2:3, 3:4])
