"""The head against slow definitions and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad
from torch.nn import functional as F

from mmseg_weak.live.head import (
    LinearHead,
    Samples,
    Standard,
    _Objective,
    possible_classes,
)
from mmseg_weak.live.model import LiveModel, group_folds
from mmseg_weak.live.pyramid import sample_maps


def make_samples(n=40, d=6, classes=3, denied=0.2, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    x = rng.normal(size=(n, d)) + 2 * np.eye(classes, d)[labels]
    return Samples(
        torch.from_numpy(x).float(),
        labels,
        rng.uniform(0.5, 2, n),
        rng.random(n) < denied,
        rng.integers(0, 10, n),
    )


def test_gradient_of_clicks_and_denials():
    samples = make_samples()
    problem = _Objective(samples.features.double().numpy(), samples, 3, 0.1)
    start = np.random.default_rng(1).normal(size=7 * 3)
    error = check_grad(lambda v: problem(v)[0], lambda v: problem(v)[1], start)
    assert error < 1e-5


def test_same_solution_as_torch_on_the_written_out_loss():
    samples = make_samples()
    head = LinearHead(3, ridge=0.05).fit(samples)
    x, y = samples.features.double(), torch.from_numpy(samples.labels)
    weight = torch.zeros(6, 3, dtype=torch.double, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=500, tolerance_grad=1e-10)

    def loss():
        optimiser.zero_grad()
        probs = (x @ weight + bias).softmax(1)
        terms = []
        for no in (False, True):
            for c in range(3):
                rows = (y == c) & (torch.from_numpy(samples.denied) == no)
                if not rows.any():
                    continue
                p = probs[rows, c]
                w = torch.from_numpy(samples.weights)[rows]
                terms.append((w * -torch.log(1 - p if no else p)).sum() / w.sum())
        value = torch.stack(terms).mean() + 0.5 * 0.05 * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    torch.testing.assert_close(head.weight, weight.detach().float(), atol=2e-3, rtol=0)


def halves(classes=5, d=8):
    """Background that says "no 1, no 2" in one half and "no 3, no 4" in the other."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), [80, 20, 20, 20, 20])
    x = rng.normal(size=(160, d)) + 4 * np.eye(classes, d)[labels]
    ground, told = np.repeat(np.arange(80), 2), np.arange(80, 160)
    denies = np.tile([1, 2, 3, 4], 40)
    rows = np.concatenate([ground, told])
    samples = Samples(
        torch.from_numpy(x[rows]).float(),
        np.concatenate([denies, labels[told]]),
        np.ones(240),
        np.arange(240) < 160,
        rows % 10,
    )
    return samples, torch.from_numpy(x).float(), labels


def test_classes_denied_at_one_place_are_one_set():
    samples, x, labels = halves()
    problem = _Objective(samples.features.double().numpy(), samples, 5, 0.1)
    params = torch.randn(9, 5, dtype=torch.double)
    probs = (x.double() @ params[:-1] + params[-1]).softmax(1)
    parts = [-torch.log(probs[labels == c, c]).mean() for c in (1, 2, 3, 4)]
    for start, pair in enumerate(([1, 2], [3, 4])):
        left = 1 - probs[:80][start::2][:, pair].sum(1)
        parts += 2 * [-torch.log(left).mean()]  # once for each of its classes
    expected = sum(parts) / 8 + 0.05 * params[:-1].square().sum()
    flat = params.ravel().numpy()
    assert problem(flat)[0] == pytest.approx(float(expected))
    error = check_grad(lambda v: problem(v)[0], lambda v: problem(v)[1], flat)
    assert error < 1e-5


@pytest.mark.parametrize('background', [None, 0])
def test_background_is_what_denials_leave(background):
    samples, x, labels = halves()
    standard = Standard(torch.zeros(8), torch.ones(8), [8])
    model = LiveModel(standard, 5, profile='fine', background=background)
    model.fit(samples)
    found = model.logits(x).argmax(1).numpy()
    assert (found == labels)[80:].mean() > 0.9
    assert (found == 0)[:80].mean() == (
        0 if background is None else pytest.approx(1, abs=0.1)
    )


def test_all_classes_but_one_denied_name_it_and_all_denied_say_nothing():
    samples, x, _ = halves()
    denied = samples.take(samples.denied)
    both = np.tile([0, 1], 80)
    binary = Samples(denied.features, both, denied.weights, denied.denied, denied.groups)
    assert possible_classes(binary, 2)[2].all()
    binary.labels[:80] = 1
    possible = possible_classes(binary, 2)[2]
    assert np.array_equal(possible, np.repeat([[1, 0], [1, 1]], 40, axis=0) > 0)
    model = LiveModel(Standard(torch.zeros(8), torch.ones(8), [8]), 2, profile='fine')
    model.fit(binary)
    assert (model.logits(x[:40]).argmax(1) == 0).all()


def test_fewer_clicks_than_features_solves_the_same_problem():
    samples = make_samples(n=8, d=30, denied=0)
    few = LinearHead(3, ridge=0.1).fit(samples)
    # Rows that say nothing: more rows than columns without another optimum.
    padded = Samples(
        torch.cat([samples.features] * 5),
        np.tile(samples.labels, 5),
        np.tile(samples.weights, 5),
        np.tile(samples.denied, 5),
        np.tile(samples.groups, 5),
    )
    many = LinearHead(3, ridge=0.1).fit(padded)
    torch.testing.assert_close(few.weight, many.weight, atol=2e-3, rtol=0)


def test_map_logits_are_the_head_on_enlarged_maps():
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(c, s, 2 * s)).astype(np.float16) for c, s in ((3, 8), (4, 2))]
    standard = Standard.measure([maps])
    factors = standard.factors((0.5, 2.0))
    head = LinearHead(3)
    head.weight, head.bias = torch.randn(7, 3), torch.randn(3)
    result = head.map_logits(maps, standard, factors, (8, 16))
    large = torch.cat(
        [
            F.interpolate(torch.from_numpy(m)[None].float(), (8, 16), mode='bilinear')[0]
            for m in maps
        ]
    )
    scaled = (large.flatten(1).T - standard.mean) * factors
    expected = head.logits(scaled).T.view(3, 8, 16)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)


def test_sampled_features_are_those_of_cells_at_their_centres():
    maps = [np.arange(2 * 4 * 6).reshape(2, 4, 6).astype(np.float16)]
    places = np.array([[(2 + 0.5) / 6, (1 + 0.5) / 4], [(5 + 0.5) / 6, (3 + 0.5) / 4]])
    expected = torch.tensor([[8.0, 32.0], [23.0, 47.0]])
    torch.testing.assert_close(sample_maps(maps, places), expected)


def test_profile_follows_where_the_class_is_told():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    noise = rng.normal(size=(120, 40))
    told = rng.normal(size=(120, 4)) + 1.5 * labels[:, None]
    standard = Standard(torch.zeros(52), torch.ones(52), [20, 20, 4, 4, 4])
    samples = Samples(
        torch.from_numpy(np.concatenate([noise, told, told, told], 1)).float(),
        labels,
        np.ones(120),
        np.zeros(120, bool),
        np.arange(120),
    )
    model = LiveModel(standard, 2)
    model.fit(samples)
    assert model.profile == 'deep'


@pytest.mark.parametrize('images', [2, 30])
def test_folds_cover_everything_and_keep_images_together(images):
    groups = np.random.default_rng(0).integers(0, images, 90)
    folds = group_folds(groups, 3, 0)
    assert set(folds) == {0, 1, 2}
    if images == 30:
        assert all(len(set(folds[groups == g])) == 1 for g in np.unique(groups))
