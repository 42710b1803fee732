"""Walk along given affinities against dense squarings."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.refinement import affinity_walk
from mmseg_weak.refinement.sparse_walk import pair_offsets


def dense_transition(affinity, radius, beta):
    """Transition matrix (hw, hw), pair by pair; columns sum to 1."""
    height, width = affinity.shape[1:]
    matrix = torch.eye(height * width, dtype=affinity.dtype)
    for values, (dy, dx) in zip(affinity, pair_offsets(radius)):
        for y in range(height - dy):
            for x in range(max(0, -dx), min(width, width - dx)):
                i, j = y * width + x, (y + dy) * width + x + dx
                matrix[i, j] = matrix[j, i] = values[y, x] ** beta
    return matrix / matrix.sum(dim=0, keepdim=True)


def sample(size, channels=2, radius=5, seed=0, power=1.0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand((channels, *size), generator=generator, dtype=torch.double)
    pairs = len(pair_offsets(radius))
    affinity = torch.rand((pairs, *size), generator=generator, dtype=torch.double)
    return scores, affinity**power


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.integers(0, 3),
    radius=st.integers(1, 5),
    beta=st.sampled_from([0.5, 1, 8]),
    num_squarings=st.integers(0, 8),
    power=st.sampled_from([0.05, 1, 6]),
    seed=st.integers(0, 1000),
)
def test_equals_dense_squarings(size, channels, radius, beta, num_squarings, power, seed):
    scores, affinity = sample(size, channels, radius, seed, power)
    matrix = dense_transition(affinity, radius, beta)
    for _ in range(num_squarings):
        matrix = matrix @ matrix
    expected = (scores.flatten(1) @ matrix).view_as(scores)
    options = dict(radius=radius, beta=beta, num_steps=2**num_squarings)
    walked = affinity_walk(scores, affinity, **options)
    torch.testing.assert_close(walked, expected, atol=1e-6, rtol=0)
    single = affinity_walk(scores.float(), affinity.float(), **options)
    torch.testing.assert_close(single.double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize('size', [(110, 5), (80, 12)])
def test_strips_do_not_change_the_result(size):
    scores, affinity = sample(size, radius=3)
    options = dict(radius=3, num_steps=32)
    expected = affinity_walk(scores, affinity, **options)
    strips = affinity_walk(scores, affinity, max_memory=1, **options)
    torch.testing.assert_close(strips, expected, atol=1e-12, rtol=0)


def test_one_pixel_and_inputs_stay():
    scores, affinity = sample((1, 1))
    before = affinity.clone()
    torch.testing.assert_close(affinity_walk(scores, affinity), scores)
    assert torch.equal(affinity, before)


def test_map_of_a_large_image():
    # 4000 x 3000 pixels at stride 8.
    scores = torch.zeros(1, 375, 500)
    scores[:, :10] = 1
    walked = affinity_walk(scores, torch.ones(34, 375, 500), num_steps=16)
    assert walked.shape == scores.shape
    torch.testing.assert_close(walked[:, :, 100], walked[:, :, 300])


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (dict(affinity=torch.rand(33, 5, 6)), r'affinity must be \(34, 5, 6\)'),
        (dict(affinity=torch.full((34, 5, 6), 2.0)), r'in \[0, 1\], got \[2'),
        (dict(scores=torch.full((1, 5, 6), float('nan'))), 'scores hold'),
        (dict(beta=0), 'beta'),
        (dict(num_steps=-1), 'num_steps'),
    ],
)
def test_wrong_input_names_what_is_wrong(change, match):
    arguments = dict(scores=torch.rand(1, 5, 6), affinity=torch.rand(34, 5, 6))
    with pytest.raises(ValueError, match=match):
        affinity_walk(**{**arguments, **change})
