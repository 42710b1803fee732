"""Labels from activation maps."""

import numpy as np
import pytest
import torch
from plain_refinement import plain_random_walk

from mmseg_weak.refinement import build_refinement, dense_crf, random_walk
from mmseg_weak.refinement.boundaries import colour_gradient_boundary
from mmseg_weak.refinement.cam_label import CamLabelRule, power_background


def cam_label(image, cams, labels, score, steps=(), **options):
    return CamLabelRule(**options).label(image, cams, labels, score, steps)


def scene(size=(40, 52)):
    """A bright disc on dark ground; its map is a blurred smaller disc."""
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(y - 20, x - 26)
    rng = np.random.default_rng(0)
    image = np.where(distance < 12, 0.8, 0.2)[None] + rng.normal(0, 0.02, (3, *size))
    cam = np.exp(-((distance / 8) ** 2))
    return (
        torch.tensor(image.clip(0, 1), dtype=torch.float32)[None],
        torch.tensor(cam, dtype=torch.float32)[None],
        distance < 12,
    )


def iou(label, mask):
    found = label.numpy() == 3
    return (found & mask).sum() / (found | mask).sum()


def test_without_steps_it_is_a_threshold():
    image, cams, _ = scene()
    label = cam_label(image, cams, [3], 0.3)
    np.testing.assert_array_equal(label, np.where(cams[0] > 0.3, 3, 0))
    two = torch.stack([cams[0], 0.9 * cams[0].flip(1)])
    label = cam_label(image, two, [3, 1], 0.3, background=2)
    scores = np.stack([np.full(cams.shape[1:], 0.3), *two.numpy()])
    np.testing.assert_array_equal(label, np.array([2, 3, 1])[scores.argmax(0)])


def test_crf_and_walk_follow_the_colours():
    image, cams, mask = scene()
    plain = cam_label(image, cams, [3], 0.3)
    crf = dict(type='dense_crf', bilateral_sxy=20)
    walk = dict(type='random_walk', beta=4, stride=2)
    for config in (crf, walk, dict(type='PixelAdaptiveRefinement', dilations=(1, 2, 4))):
        steps = CamLabelRule(steps=(config,)).build_steps()
        refined = cam_label(image, cams, [3], 0.3, steps)
        assert iou(refined, mask) > iou(plain, mask), config['type']


def test_steps_are_the_functions_in_order():
    image, cams, _ = scene()
    scores = torch.cat([torch.full_like(cams, 0.3), cams])[None]
    (crf,) = CamLabelRule(steps=(dict(type='dense_crf', num_iters=3),)).build_steps()
    pixels = (image[0] * 255).round().byte().permute(1, 2, 0).numpy()
    refined = dense_crf(pixels, scores[0].clamp(min=1e-5).numpy(), num_iters=3)
    np.testing.assert_allclose(crf(image, scores)[0], refined, atol=1e-6)
    walk = build_refinement(dict(type='random_walk', stride=1, num_steps=8))
    boundary = colour_gradient_boundary(image, (40, 52))
    expected = random_walk(torch.from_numpy(refined), boundary, num_steps=8)
    walked = walk(image, torch.from_numpy(refined)[None])
    torch.testing.assert_close(walked[0], expected)
    label = cam_label(image, cams, [3], 0.3, [crf, walk])
    np.testing.assert_array_equal(label, np.array([0, 3])[expected.argmax(0)])


def test_boundary_of_a_folder(tmp_path):
    image, cams, _ = scene()
    config = dict(type='random_walk', boundary=str(tmp_path), num_steps=4)
    step = build_refinement(config)
    scores = torch.cat([1 - cams, cams])[None]
    with pytest.raises(FileNotFoundError, match="image 'a' has no boundary map"):
        step(image, scores, image_ids=['a'])
    np.save(tmp_path / 'a.npy', np.zeros((10, 13), np.float16))
    free = step(image, scores, image_ids=['a'])
    np.save(tmp_path / 'a.npy', np.ones((5, 7)))
    assert (step(image, scores, image_ids=['a']) == 0).all() and (free > 0).any()
    np.save(tmp_path / 'a.npy', np.ones((5, 7, 2)))
    with pytest.raises(ValueError, match=r'a\.npy: expected a finite'):
        step(image, scores, image_ids=['a'])
    with pytest.raises(FileNotFoundError, match='boundary maps'):
        build_refinement(dict(config, boundary=str(tmp_path / 'none')))


def published_walk(scores, boundary, size):
    """IRN: walk on cells of 4 pixels by the dense matrix, enlarge by 4 and crop."""
    walked = plain_random_walk(scores, boundary, 5, 10, 3)[None]
    up = torch.nn.functional.interpolate(walked, scale_factor=4, mode='bilinear')
    return up[0, :, : size[0], : size[1]]


@pytest.mark.parametrize('size', [(22, 31), (16, 24), (9, 13)])
def test_walk_is_irns(size, tmp_path):
    rows, columns = ((side - 1) // 4 + 1 for side in size)
    boundary = torch.rand(1, rows, columns, dtype=torch.double) ** 4
    np.save(tmp_path / 'a.npy', boundary[0].numpy())
    # Cells of equal pixels: then it does not matter how their scores are read.
    cells = torch.rand(3, rows, columns, dtype=torch.double)
    scores = cells.repeat_interleave(4, 1).repeat_interleave(4, 2)
    scores = scores[:, : size[0], : size[1]]
    options = dict(type='random_walk', boundary=str(tmp_path), num_steps=8)
    image = torch.rand(1, 3, *size)
    read = torch.nn.functional.interpolate(
        cells.repeat_interleave(4, 1).repeat_interleave(4, 2)[None],
        (rows, columns),
        mode='bilinear',
        antialias=True,
    )[0]
    ours = build_refinement(options)(image, scores[None], image_ids=['a'])[0]
    torch.testing.assert_close(
        ours, published_walk(read, boundary, size), atol=1e-5, rtol=0
    )
    published = build_refinement(dict(options, background_score=0.25))
    found = published(image, scores[None], image_ids=['a'])[0]
    expected = published_walk(read[1:], boundary, size)
    expected = expected / expected.max()
    torch.testing.assert_close(found[1:], expected, atol=1e-5, rtol=0)
    assert (found[0] == 0.25).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (3, 2)])
def test_tiny_images(size):
    image, cams = torch.rand(1, 3, *size), torch.rand(2, *size)
    for kind in ('dense_crf', 'random_walk', 'PixelAdaptiveRefinement'):
        step = build_refinement(dict(type=kind))
        label = cam_label(image, cams, [1, 2], 0.5, [step])
        assert label.shape == size and set(label.unique().tolist()) <= {0, 1, 2}


def test_nothing_there_and_nothing_active_is_background():
    image, cams, _ = scene()
    steps = [build_refinement(dict(type='dense_crf', num_iters=1))]
    assert (cam_label(image, cams[:0], [], 0.3, steps) == 0).all()
    assert (cam_label(image, cams * 0, [3], 0.3, steps) == 0).all()
    assert (power_background(cams[:0], 4) == 1).all()


def test_threshold_leaves_doubtful_pixels_out():
    image, cams, _ = scene()
    label = cam_label(image, cams, [3], 0.3, threshold=0.6)
    share = torch.stack([torch.full_like(cams[0], 0.3), cams[0]])
    share = share.amax(0) / share.sum(0)
    assert ((label == 255) == (share < 0.6)).all() and (label == 255).any()


def test_power_background():
    cams = torch.rand(3, 4, 5)
    expected = (1 - cams.amax(0)) ** 4
    torch.testing.assert_close(power_background(cams, 4), expected)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(background_score=1.5), r'background_score must be in \[0, 1\]'),
        (dict(background_score='best'), 'one of li, otsu'),
        (dict(background_power=0), 'background_power'),
        (dict(threshold=2), 'threshold'),
        (dict(steps=(dict(type='magic'),)), "unknown step 'magic'"),
        (dict(steps=(dict(type='random_walk', speed=1, stride=0),)), 'stride'),
        (dict(steps=(dict(type='dense_crf', speed=1),)), 'no option'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        CamLabelRule(**options)
