import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_refinement import plain_pixel_adaptive

from mmseg_weak.refinement import PixelAdaptiveRefinement, gpu_kernels
from mmseg_weak.refinement import pixel_adaptive as module
from mmseg_weak.refinement.gpu_kernels import load_kernels


def sample(size, mask_size=None, channels=3, dtype=torch.float32, seed=0, batch=2):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand((batch, 3, *size), generator=generator)
    masks = torch.rand((batch, channels, *(mask_size or size)), generator=generator)
    return images.to(dtype), masks.to(dtype)


def test_matches_the_published_arrays(reference):
    refined = PixelAdaptiveRefinement()(reference['images'], reference['par_masks_in'])
    torch.testing.assert_close(refined, reference['par_masks_out'], atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    mask_size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    channels=st.integers(1, 4),
    dilations=st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True),
    num_iters=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_equals_the_plain_form(size, mask_size, channels, dilations, num_iters, seed):
    images, masks = sample(size, mask_size, channels, torch.double, seed)
    refined = PixelAdaptiveRefinement(dilations, num_iters)(images, masks)
    expected = plain_pixel_adaptive(images, masks, dilations, num_iters)
    torch.testing.assert_close(refined, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize('size', [(1, 1), (5, 300), (40, 129)])
@pytest.mark.parametrize('threads', [1, 3])
def test_fused_affinities_equal_the_tensor_operations(monkeypatch, size, threads):
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    images, _ = sample(size)
    images[:, :, : size[0] // 2] = 0.25  # a flat area: no deviation, no difference
    refine = PixelAdaptiveRefinement()
    expected = refine.affinity(images.double())
    affinity = refine.affinity(images)
    assert affinity.dtype == torch.float32
    torch.testing.assert_close(affinity.double(), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(affinity.sum(1), torch.full((2, *size), 1.01))


def test_fused_affinities_are_nan_where_a_neighbour_is():
    images, _ = sample((30, 40), batch=1)
    images[0, 1, 3, 3], images[0, 0, 20, 30] = float('nan'), float('inf')
    refine = PixelAdaptiveRefinement(dilations=(1, 5))
    expected = refine.affinity(images.double()).isnan()
    assert 0 < expected.float().mean() < 0.3
    assert (refine.affinity(images).isnan() == expected).all()


@pytest.mark.parametrize('numel', [1, 500, 2**20])
def test_tiles_do_not_change_the_result(monkeypatch, numel):
    images, masks = sample((33, 21))
    expected = PixelAdaptiveRefinement()(images, masks)
    monkeypatch.setattr(module, 'TILE_NUMEL', numel)
    torch.testing.assert_close(
        PixelAdaptiveRefinement()(images, masks), expected, atol=0, rtol=0
    )


def test_sizes_refine_each_area_alone():
    images, masks = sample((40, 30), batch=3)
    sizes = torch.tensor([[40, 30], [17, 9], [1, 30]])
    refine = PixelAdaptiveRefinement()
    refined = refine(images, masks, sizes)
    for i, (h, w) in enumerate(sizes.tolist()):
        alone = refine(images[i : i + 1, :, :h, :w], masks[i : i + 1, :, :h, :w])
        torch.testing.assert_close(refined[i : i + 1, :, :h, :w], alone)


def test_values_outside_the_sizes_are_not_read():
    images, masks = sample((12, 12), batch=1)
    images[..., 8:], masks[..., 8:] = float('nan'), float('inf')
    refined = PixelAdaptiveRefinement()(images, masks, torch.tensor([[12, 8]]))
    assert refined[..., :8].isfinite().all()


def test_channels_share_the_affinity_and_do_not_mix():
    images, masks = sample((16, 16), channels=5)
    refine = PixelAdaptiveRefinement()
    whole = refine(images, masks)
    torch.testing.assert_close(whole[:, 3:4], refine(images, masks[:, 3:4]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    images, masks = sample((24, 24), (8, 8), dtype=dtype)
    refine = PixelAdaptiveRefinement()
    refined = refine(images, masks)
    assert refined.dtype == dtype
    expected = refine(images.float(), masks.float())
    torch.testing.assert_close(refined, expected.to(dtype), atol=0, rtol=0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = refine(images.float(), masks.float())
    torch.testing.assert_close(inside, expected, atol=0, rtol=0)


@pytest.mark.parametrize('size', [(30, 20), (1, 1), (1, 9)])
def test_constant_image_and_mask_only_gain(size):
    images = torch.full((1, 3, *size), 0.3)
    refined = PixelAdaptiveRefinement()(images, torch.full((1, 2, *size), 0.5))
    torch.testing.assert_close(refined, torch.full_like(refined, 0.5 * 1.01**10))


def test_single_color_image_blurs():
    _, masks = sample((30, 20))
    refined = PixelAdaptiveRefinement()(torch.full((2, 3, 30, 20), 0.7), masks)
    assert refined.isfinite().all()
    assert refined.std() < 0.2 * masks.std()


def test_edges_stop_the_diffusion():
    images = torch.zeros(1, 3, 16, 16)
    images[..., 8:] = 1
    masks = torch.zeros(1, 1, 16, 16)
    masks[..., :6] = 1
    refined = PixelAdaptiveRefinement((1, 2), 20)(images, masks)[0, 0]
    assert refined[:, 7].min() > 3 * refined[:, 8].max()


def test_leaves_no_state_and_no_gradient():
    refine = PixelAdaptiveRefinement()
    assert not list(refine.parameters()) and not refine.state_dict()
    images, masks = sample((8, 8))
    before = masks.clone()
    refined = refine(images, masks.requires_grad_())
    assert not refined.requires_grad
    torch.testing.assert_close(masks.detach(), before, atol=0, rtol=0)


def test_values_that_are_not_finite():
    images, masks = sample((6, 6))
    masks[0, 0, 2, 2] = float('nan')
    with pytest.raises(ValueError, match='masks contain values that are not finite'):
        PixelAdaptiveRefinement(check_finite=True)(images, masks)
    refined = PixelAdaptiveRefinement((1,), 1)(images, masks)
    assert refined[0, 0, 3, 3].isnan() and refined[0, 0, 5, 5].isfinite()


@pytest.mark.parametrize(
    ('images', 'masks', 'match'),
    [
        (torch.rand(1, 3, 4, 4), torch.rand(2, 1, 4, 4), '1 images but masks of 2'),
        (torch.rand(3, 4, 4), torch.rand(1, 1, 4, 4), r'images must be .*\(3, 4, 4\)'),
        (torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4).long(), 'masks must be .*int64'),
        (torch.rand(1, 3, 0, 4), torch.rand(1, 1, 4, 4), 'empty images'),
    ],
)
def test_wrong_shapes_name_what_is_wrong(images, masks, match):
    with pytest.raises(ValueError, match=match):
        PixelAdaptiveRefinement()(images, masks)


@pytest.mark.parametrize('arguments', [((),), ((0, 1),), ((1,), -1)])
def test_wrong_settings(arguments):
    with pytest.raises(ValueError, match='must'):
        PixelAdaptiveRefinement(*arguments)


@pytest.mark.gpu
@pytest.mark.parametrize('size', [(1, 1), (17, 300), (64, 129)])
@pytest.mark.parametrize('channels', [1, 6])
def test_kernels_of_a_gpu_give_what_the_cpu_gives(size, channels):
    images, masks = sample(size, channels=channels)
    images[:, :, : size[0] // 2] = 0.25  # a flat area
    sizes = torch.tensor([size, [(n + 1) // 2 for n in size]])
    refine = PixelAdaptiveRefinement()
    assert load_kernels(images.cuda()) is not None
    for valid in (None, sizes, sizes.T.contiguous().T):
        expected = refine(images, masks, valid)
        on_gpu = None if valid is None else valid.cuda()
        refined = refine(images.cuda(), masks.cuda(), on_gpu).cpu()
        for k, (h, w) in enumerate(sizes.tolist() if valid is not None else [size] * 2):
            valid_part = (k, slice(None), slice(h), slice(w))
            torch.testing.assert_close(
                refined[valid_part], expected[valid_part], atol=1e-4, rtol=1e-4
            )


@pytest.mark.gpu
def test_kernels_of_a_gpu_refuse_what_does_not_fit():
    images, masks = (maps.cuda() for maps in sample((9, 13)))
    refine = PixelAdaptiveRefinement()
    affinity = refine.affinity(images)
    for wrong in (affinity[:, 1:], affinity.repeat(2, 1, 1, 1)):
        with pytest.raises(ValueError, match='2 images and 48 neighbours'):
            refine.propagate(masks, wrong)
    with pytest.raises(ValueError, match=r'sizes must be \(2, 2\)'):
        refine(images, masks, torch.tensor([[9, 13]]))
    one = refine.propagate(masks, affinity[:1])
    torch.testing.assert_close(one[0], refine.propagate(masks, affinity)[0])


@pytest.mark.gpu
def test_a_gpu_without_triton_takes_the_slow_way(monkeypatch):
    images, masks = sample((20, 30))
    expected = PixelAdaptiveRefinement()(images, masks)
    monkeypatch.setattr(module, 'load_kernels', lambda like: None)
    refined = PixelAdaptiveRefinement()(images.cuda(), masks.cuda())
    torch.testing.assert_close(refined.cpu(), expected, atol=1e-4, rtol=1e-4)


def test_kernels_that_fail_are_said_and_left_out(monkeypatch):
    def fail(*arguments):
        raise ImportError('no compiler\nsecond line')

    monkeypatch.setattr(gpu_kernels, 'import_module', fail)
    with pytest.warns(UserWarning, match='slow way.*ImportError: no compiler$'):
        assert gpu_kernels._tried.__wrapped__(torch.device('cuda', 0)) is None


KERNELS = """
import torch
from mmseg_weak.refinement import PixelAdaptiveRefinement
from mmseg_weak.refinement import dilated_neighbours as near
from mmseg_weak.refinement import pixel_adaptive_triton as kernels

torch.manual_seed(0)
images, masks = torch.rand(2, 3, 9, 13), torch.rand(2, 5, 9, 13)
refine = PixelAdaptiveRefinement((1, 3), 2)
offsets, shares = near.on_device(refine.offsets, images.device)
for sizes in (torch.tensor([[9, 13], [9, 13]]), torch.tensor([[9, 13], [4, 6]])):
    affinity = kernels.affinities(
        images, sizes.int(), offsets, shares, near.COLOR_WEIGHT, near.STD_EPS
    )
    refined = kernels.diffuse(masks, affinity, sizes.int(), offsets, 2)
    expected = refine(images, masks, sizes)
    for one, other, (h, w) in zip(refined, expected, sizes.tolist()):
        torch.testing.assert_close(one[:, :h, :w], other[:, :h, :w])
"""


@pytest.mark.skipif(find_spec('triton') is None, reason='needs Triton')
def test_interpreted_kernels_give_what_the_cpu_gives():
    words = [sys.executable, '-W', 'ignore', '-c', KERNELS]
    environment = {**os.environ, 'TRITON_INTERPRET': '1', 'CUDA_VISIBLE_DEVICES': ''}
    subprocess.run(words, env=environment, check=True)
