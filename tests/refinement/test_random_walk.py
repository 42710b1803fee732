import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_refinement import plain_random_walk, plain_transition

from mmseg_weak.refinement import random_walk, sparse_walk
from mmseg_weak.refinement.sparse_walk import SparseWalk


def sample(size, channels=2, dtype=torch.double, seed=0, power=2):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand((channels, *size), generator=generator, dtype=torch.double)
    boundary = torch.rand((1, *size), generator=generator, dtype=torch.double) ** power
    return scores.to(dtype), boundary.to(dtype)


def test_matches_the_published_array(reference):
    walked = random_walk(reference['rw_cam'], reference['rw_boundary'])
    torch.testing.assert_close(walked, reference['rw_out'], atol=1e-4, rtol=0)


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    channels=st.integers(1, 3),
    radius=st.integers(1, 6),
    beta=st.sampled_from([0.5, 1, 10]),
    num_squarings=st.integers(0, 8),
    power=st.sampled_from([0.2, 1, 6]),
    seed=st.integers(0, 1000),
)
def test_equals_dense_squarings(size, channels, radius, beta, num_squarings, power, seed):
    scores, boundary = sample(size, channels, seed=seed, power=power)
    walked = random_walk(scores, boundary, radius, beta, 2**num_squarings)
    expected = plain_random_walk(scores, boundary, radius, beta, num_squarings)
    torch.testing.assert_close(walked, expected, atol=1e-6, rtol=0)
    single = random_walk(scores.float(), boundary.float(), radius, beta, 2**num_squarings)
    torch.testing.assert_close(single.double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize('num_steps', [0, 1, 2, 3, 7, 30, 51])
def test_any_number_of_steps(num_steps):
    scores, boundary = sample((6, 7))
    matrix = plain_transition(boundary[0])
    expected = (scores * (1 - boundary)).flatten(1)
    for _ in range(num_steps):
        expected = expected @ matrix
    walked = random_walk(scores, boundary, num_steps=num_steps)
    torch.testing.assert_close(walked.flatten(1), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize('size', [(110, 5), (80, 12)])
def test_strips_do_not_change_the_result(size):
    scores, boundary = sample(size)
    expected = random_walk(scores, boundary, radius=3, num_steps=32)
    strips = random_walk(scores, boundary, radius=3, num_steps=32, max_memory=1)
    torch.testing.assert_close(strips, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize('radius', [1, 2, 5])
@pytest.mark.parametrize('size', [(1, 1), (1, 9), (7, 3), (13, 17), (110, 5)])
def test_all_pairs_at_once_as_on_a_gpu(monkeypatch, size, radius):
    scores, boundary = sample(size, power=6)
    words = dict(radius=radius, num_steps=32, max_memory=1)
    expected = random_walk(scores, boundary, **words)
    monkeypatch.setattr(SparseWalk, '_change', SparseWalk._change_at_once)
    torch.testing.assert_close(
        random_walk(scores, boundary, **words), expected, atol=1e-12, rtol=0
    )


@pytest.mark.gpu
@pytest.mark.parametrize('numel', [0, 2**23])
def test_a_gpu_walks_as_a_cpu(monkeypatch, numel):
    monkeypatch.setattr(sparse_walk, 'DEVICE_NUMEL', numel)
    scores, boundary = sample((31, 40))
    walked = random_walk(scores.cuda(), boundary.cuda()).cpu()
    torch.testing.assert_close(walked, random_walk(scores, boundary), atol=1e-6, rtol=0)


def test_a_settled_map_stays():
    scores, boundary = torch.full((1, 9, 9), 0.3), torch.zeros(1, 9, 9)
    walked = random_walk(scores, boundary, num_steps=4096)
    torch.testing.assert_close(walked, scores, atol=1e-6, rtol=0)


def test_a_boundary_confines_the_walk():
    scores, boundary = torch.zeros(1, 12, 12), torch.zeros(1, 12, 12)
    scores[..., :4] = 1
    boundary[..., 6] = 1
    walked = random_walk(scores, boundary)[0]
    # What starts on the left stays there and evens out.
    torch.testing.assert_close(walked[:, :6], torch.full((12, 6), 4 / 6), atol=0.05, rtol=0)
    assert walked[:, 6:].abs().max() == 0


def test_one_pixel_keeps_its_score():
    walked = random_walk(torch.tensor([[[0.8]], [[0.4]]]), torch.tensor([[[0.25]]]))
    torch.testing.assert_close(walked.flatten(), torch.tensor([0.6, 0.3]))


def test_all_zero_scores_and_no_scores():
    _, boundary = sample((5, 6), dtype=torch.float32)
    assert random_walk(torch.zeros(2, 5, 6), boundary).abs().max() == 0
    assert random_walk(torch.zeros(0, 5, 6), boundary).shape == (0, 5, 6)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_keeps_the_dtype_and_the_input(dtype):
    scores, boundary = sample((7, 8), dtype=dtype)
    before = scores.clone(), boundary.clone()
    walked = random_walk(scores.requires_grad_(), boundary)
    assert walked.dtype == dtype and not walked.requires_grad
    expected = random_walk(scores.detach().float(), boundary.float())
    torch.testing.assert_close(walked, expected.to(dtype), atol=0, rtol=0)
    assert torch.equal(scores.detach(), before[0]) and torch.equal(boundary, before[1])


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (dict(scores=torch.rand(5, 6)), r'scores must be .*\(5, 6\)'),
        (dict(scores=torch.zeros(1, 5, 6).long()), 'scores must be .*int64'),
        (dict(boundary=torch.rand(1, 5, 5)), r'boundary must be \(1, 5, 6\)'),
        (dict(boundary=torch.full((1, 5, 6), float('nan'))), 'boundary hold .* not finite'),
        (dict(scores=torch.full((1, 5, 6), float('inf'))), 'scores hold .* not finite'),
        (dict(boundary=torch.full((1, 5, 6), 1.5)), r'in \[0, 1\], got \[1.5'),
        (dict(scores=torch.rand(1, 0, 6)), 'not empty'),
        (dict(radius=0), 'radius must'),
        (dict(num_steps=-1), 'num_steps'),
        (dict(beta=float('nan')), 'beta'),
    ],
)
def test_wrong_input_names_what_is_wrong(change, match):
    arguments = dict(scores=torch.rand(1, 5, 6), boundary=torch.rand(1, 5, 6))
    with pytest.raises(ValueError, match=match):
        random_walk(**{**arguments, **change})
