import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import caching
from plain_refinement import plain_dense_crf, plain_lattice_filter

from mmseg_weak.refinement import _jit, build_refinement, dense_crf
from mmseg_weak.refinement.permutohedral import PermutohedralLattice, softmax_rows


def sample(size, labels=3, seed=0):
    """A noisy two-colour image and noisy probabilities that follow it."""
    rng = np.random.default_rng(seed)
    side = np.arange(size[1]) >= size[1] // 2
    image = np.where(side[None, :, None], 190, 60) + rng.normal(0, 6, (*size, 3))
    logits = rng.normal(0, 1, (labels, *size))
    logits[0] += 0.8 * ~side
    logits[-1] += 0.8 * side
    probs = np.exp(logits)
    probs /= probs.sum(0)
    return image.clip(0, 255).astype(np.uint8), probs.astype(np.float32)


@pytest.mark.parametrize('name', ['a', 'b'])
def test_matches_the_published_arrays(arrays, name):
    parameters = arrays[
        f'crf_{name}_params_sxyBilateral_srgb_compatBilateral_sxyGauss_compatGauss'
    ].tolist()
    names = ('bilateral_sxy', 'bilateral_srgb', 'bilateral_compat')
    names += ('gaussian_sxy', 'gaussian_compat')
    q = dense_crf(arrays['image_u8'][0], arrays['crf_prob'], **dict(zip(names, parameters)))
    expected = arrays[f'crf_{name}_q']
    assert q.dtype == np.float32
    np.testing.assert_allclose(q, expected, atol=1e-4, rtol=0)
    assert (q.argmax(0) == expected.argmax(0)).mean() >= 0.999


@settings(max_examples=20, deadline=None)
@given(
    size=st.tuples(st.integers(2, 14), st.integers(2, 14)),
    labels=st.integers(2, 4),
    seed=st.integers(0, 1000),
)
def test_agrees_with_exact_kernels(size, labels, seed):
    """The lattice approximates the kernels: close, and the same decisions."""
    image, probs = sample(size, labels, seed)
    q = dense_crf(image, probs, 2, 1, 10, 20, 1, num_iters=5)
    exact = plain_dense_crf(image, probs, (2, 1), (10, 20, 1), num_iters=5)
    top_two = np.sort(exact, axis=0)[-2:]
    clear = top_two[1] - top_two[0] > 0.3
    assert (q.argmax(0) == exact.argmax(0))[clear].all()
    assert np.abs(q - exact).mean() < 0.06


@pytest.mark.parametrize('dimensions', [1, 2, 5])
def test_lattice_approximates_the_gaussian(dimensions):
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1.5, (400, dimensions)).astype(np.float32)
    values = rng.random((400, 3)).astype(np.float32)
    kernel = np.exp(-((features[:, None] - features) ** 2).sum(-1) / 2)
    norm = 1 / np.sqrt(kernel.sum(1, keepdims=True))
    exact = norm * (kernel @ (norm * values))
    filtered = PermutohedralLattice(features).filter(values)
    assert np.corrcoef(exact.ravel(), filtered.ravel())[0, 1] > 0.85
    assert np.abs(filtered - exact).mean() < 0.1


@settings(max_examples=25, deadline=None)
@given(
    points=st.integers(1, 60),
    dimensions=st.integers(1, 5),
    channels=st.integers(1, 4),
    spread=st.sampled_from([0.3, 2, 20]),
    seed=st.integers(0, 1000),
)
def test_lattice_equals_a_dictionary(points, dimensions, channels, spread, seed):
    rng = np.random.default_rng(seed)
    features = (spread * rng.normal(size=(points, dimensions))).astype(np.float32)
    values = rng.random((points, channels)).astype(np.float32)
    norm = 1 / np.sqrt(plain_lattice_filter(features, np.ones((points, 1))))
    expected = norm * plain_lattice_filter(features, norm * values)
    filtered = PermutohedralLattice(features).filter(values)
    np.testing.assert_allclose(filtered, expected, atol=2e-4)


def test_gain_and_addition_to_what_is_there():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 5)).astype(np.float32)
    values, start = rng.random((2, 50, 21), np.float32)
    out = start.copy()
    PermutohedralLattice(features, 3).add_filtered(values, out)
    expected = start + 3 * PermutohedralLattice(features).filter(values)
    np.testing.assert_allclose(out, expected, rtol=1e-5)


@pytest.mark.parametrize('labels', [1, 3, 21])
def test_softmax_of_rows_is_that_of_torch(labels):
    logits = np.random.default_rng(0).normal(0, 30, (40, labels)).astype(np.float32)
    expected = torch.from_numpy(logits.copy()).softmax(dim=1)
    softmax_rows(logits)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-30)


def test_lattice_grows_beyond_its_first_table():
    features = 50 * np.random.default_rng(0).normal(size=(3000, 2)).astype(np.float32)
    values = np.random.default_rng(1).random((3000, 2)).astype(np.float32)
    filtered = PermutohedralLattice(features).filter(values)
    # So far apart, hardly any feature has a neighbour: normalised, all keep their value.
    assert np.median(np.abs(filtered - values)) < 0.05


def test_snaps_to_the_edge_of_the_image():
    image, probs = sample((30, 40), labels=2)
    q = dense_crf(image, probs)
    expected = np.broadcast_to(np.arange(40) >= 20, (30, 40))
    before = (probs.argmax(0) == expected).mean()
    assert before < 0.85 and (q.argmax(0) == expected).mean() > 0.99


def test_single_color_image_smooths():
    _, probs = sample((20, 20))
    q = dense_crf(np.full((20, 20, 3), 128, np.uint8), probs, bilateral_compat=1)
    assert np.isfinite(q).all()
    np.testing.assert_allclose(q.sum(0), 1, atol=1e-5)
    # A position kernel in disguise: neighbours agree more.
    before, after = (
        (labels[:, 1:] == labels[:, :-1]).mean()
        for labels in (probs.argmax(0), q.argmax(0))
    )
    assert after > before + 0.3


def test_one_pixel_sharpens_only():
    probs = np.array([0.6, 0.4], np.float32).reshape(2, 1, 1)
    q = dense_crf(np.zeros((1, 1, 3), np.uint8), probs)
    assert q.shape == (2, 1, 1) and 0.6 < q[0, 0, 0] <= 1


def test_zero_probabilities_stay_finite():
    image, probs = sample((10, 12))
    probs[0], probs[1] = 0, 1
    q = dense_crf(image, np.stack([*probs[:2], np.zeros_like(probs[0])]))
    assert np.isfinite(q).all() and (q[1] > 0.99).all()


def test_without_kernels_or_iterations_normalises():
    image, probs = sample((6, 7))
    for options in (dict(num_iters=0), dict(gaussian_compat=0, bilateral_compat=0)):
        np.testing.assert_allclose(dense_crf(image, probs / 2, **options), probs, atol=1e-6)


def test_layout_and_dtype_do_not_matter():
    image, probs = sample((9, 11))
    q = dense_crf(image, probs)
    turned = dense_crf(np.asfortranarray(image), np.asfortranarray(probs, np.float64))
    np.testing.assert_allclose(turned, q, atol=1e-5)
    half = dense_crf(image, probs.astype(np.float16), bilateral_compat=1)
    np.testing.assert_allclose(half, dense_crf(image, probs, bilateral_compat=1), atol=2e-2)


def test_input_is_left_alone():
    image, probs = sample((6, 6))
    before = image.copy(), probs.copy()
    dense_crf(image, probs)
    assert (image == before[0]).all() and (probs == before[1]).all()


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (dict(image=np.zeros((6, 7, 3), np.float32)), 'image must be uint8 .*float32'),
        (dict(image=np.zeros((6, 7), np.uint8)), r'image must be uint8 .*\(6, 7\)'),
        (dict(probs=np.ones((6, 7), np.float32)), r'probs must be .*\(6, 7\)'),
        (dict(probs=np.ones((2, 6, 7), np.int64)), 'probs must be .*int64'),
        (dict(probs=np.ones((2, 5, 7), np.float32)), '5x7 but the image is 6x7'),
        (dict(probs=np.ones((0, 6, 7), np.float32)), 'empty'),
        (dict(probs=np.full((2, 6, 7), np.nan)), '84 values that are not finite'),
        (dict(probs=np.full((2, 6, 7), np.inf)), 'not finite'),
        (dict(probs=np.full((2, 6, 7), 7.0)), r'in \[0, 1\], got \[7.0'),
        (dict(probs=np.full((2, 6, 7), -0.5)), r'in \[0, 1\]'),
        (dict(gaussian_sxy=0), 'gaussian_sxy must be positive'),
        (dict(bilateral_srgb=float('nan')), 'bilateral_srgb must be positive'),
        (dict(bilateral_compat=-1), 'bilateral_compat must be'),
        (dict(num_iters=-1), 'num_iters must be finite and not negative'),
    ],
)
def test_wrong_input_names_what_is_wrong(change, match):
    arguments = dict(
        image=np.zeros((6, 7, 3), np.uint8), probs=np.full((2, 6, 7), 0.5, np.float32)
    )
    with pytest.raises(ValueError, match=match):
        dense_crf(**{**arguments, **change})


def test_compiles_where_nothing_can_be_cached(monkeypatch):
    """A read-only installation without a home: numba refuses to cache."""

    def double(value):
        return 2 * value

    for name in ('CacheImpl', 'CompileResultCacheImpl'):
        monkeypatch.setattr(getattr(caching, name), '_locator_classes', [])
    with pytest.raises(RuntimeError, match='no locator'):
        numba.njit(double, cache=True)
    assert _jit.jit(double)(3) == 6


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(bilateral_sxy=-3), 'bilateral_sxy must be positive'),
        (dict(sxy=3), "has no option 'sxy'"),
    ],
)
def test_options_are_checked_before_any_image(options, match):
    with pytest.raises(ValueError, match=match):
        build_refinement(dict(type='dense_crf', **options))
