"""Clicks spread over edge maps, and where the maps come from."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import zoom
from scipy.signal import correlate
from skimage.graph import MCP_Geometric

from mmseg_weak.refinement import LabelRule, build_refinement, heterogeneous_label
from mmseg_weak.refinement.boundaries import (
    HolisticEdgeNetwork,
    build_boundary,
    colour_gradient_boundary,
    load_edge_network,
)
from mmseg_weak.refinement.edge_geodesic import click_costs, geodesic_distance

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
save_edge_network = runpy.run_path(str(TOOLS / 'dataset_converters/hed_weights.py'))[
    'save_edge_network'
]


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 999), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_distance_equals_scikit_image(height, width, seed, span):
    rng = np.random.default_rng(seed)
    cost = (10.0**-span + rng.random((height, width)) ** 4).astype(np.float32)
    seeds = np.unique(rng.integers(0, cost.size, 3))
    starts = list(zip(*np.unravel_index(seeds, cost.shape)))
    expected, _ = MCP_Geometric(cost.astype(float)).find_costs(starts)
    np.testing.assert_allclose(geodesic_distance(cost, seeds), expected, rtol=1e-4)


def walled(size=(24, 30)):
    """A wall between two clicks, left of the middle; clicks of classes 0 and 2."""
    edges = np.zeros(size, np.float32)
    edges[:, 8] = 1
    clicks = np.full(size, 255)
    clicks[12, 2], clicks[12, 28] = 2, 0
    return edges, clicks


def test_the_nearest_click_behind_no_wall_wins():
    edges, clicks = walled()
    costs = click_costs(edges, clicks, 4)
    winner = costs[[0, 2]].argmin(axis=0)
    assert (winner[:, :8] == 1).all() and (winner[:, 9:] == 0).all()
    # Classes without a click: neither for nor against.
    np.testing.assert_array_equal(costs[1], np.minimum(costs[0], costs[2]))
    np.testing.assert_array_equal(costs[1], costs[3])
    assert not click_costs(edges, np.full_like(clicks, 255), 4).any()


def test_probabilities_times_closeness(tmp_path):
    edges, clicks = walled()
    Image.fromarray(np.uint8(255 * edges)).save(tmp_path / 'a.png')
    probs = torch.rand(1, 4, 24, 30, dtype=torch.float64).softmax(dim=1)
    probs[:, 3] = 0
    refine = build_refinement(dict(type='EdgeGeodesic', factor=2.0, edges=str(tmp_path)))
    images, clicks = torch.rand(1, 3, 24, 30), torch.from_numpy(clicks)[None]
    result = refine(images, probs, clicks=clicks, image_ids=['a'])
    costs = torch.from_numpy(click_costs(edges, clicks[0].numpy(), 4)).double()
    expected = probs * torch.exp(-2 * costs)
    expected /= expected.sum(dim=1, keepdim=True)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-5)
    assert not refine(images, 0 * probs, clicks=clicks, image_ids=['a']).any()
    far = build_refinement(dict(type='EdgeGeodesic', factor=1e4, edges=str(tmp_path)))
    result = far(images, probs.float(), clicks=clicks, image_ids=['a'])
    torch.testing.assert_close(result.sum(dim=1), torch.ones(1, 24, 30))


def test_in_label_making_and_before_a_crf():
    images = torch.zeros(1, 3, 20, 26)
    images[..., 13:] = 0.8
    clicks = torch.full((1, 20, 26), 255)
    clicks[0, 10, 3], clicks[0, 10, 22] = 0, 1
    probs = torch.full((1, 2, 20, 26), 0.5)
    steps = [dict(type='EdgeGeodesic', factor=9), dict(type='dense_crf', num_iters=2)]
    classes, rule = torch.ones(1, 2, dtype=torch.bool), LabelRule(threshold=0.5)
    labels = heterogeneous_label(
        [probs],
        classes,
        clicks,
        images,
        rule,
        build_refinement(steps),
        sizes=torch.tensor([[18, 24]]),
    ).labels[0]
    assert (labels[:18, :12] == 0).all() and (labels[:18, 14:24] == 1).all()
    assert (labels[18:] == 255).all() and (labels[:, 24:] == 255).all()


def tiny_network(seed=0):
    torch.manual_seed(seed)
    return HolisticEdgeNetwork(((2, 3), (4, 2), (3,)))


def plain_network(image, state):
    """RGB in [0, 1], (3, H, W), to edges, by SciPy and loops."""
    x = image[::-1] * 255 - np.array([104.00699, 116.66877, 122.67892])[:, None, None]
    total = state['fuse.bias'].item()
    for i in range(3):
        if i:
            _, h, w = x.shape
            x = np.pad(x, ((0, 0), (0, h % 2), (0, w % 2)), constant_values=-np.inf)
            x = x.reshape(len(x), (h + 1) // 2, 2, (w + 1) // 2, 2).max(axis=(2, 4))
        for j in range(2):
            weight = state.get(f'stages.{i}.{j}.weight')
            if weight is None:
                continue
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            x = np.stack([correlate(padded, kernel, 'valid')[0] for kernel in weight])
            x = np.maximum(x + state[f'stages.{i}.{j}.bias'][:, None, None], 0)
        side = np.tensordot(state[f'sides.{i}.weight'][0, :, 0, 0], x, 1)
        side = side + state[f'sides.{i}.bias'].item()
        factors = np.divide(image.shape[1:], side.shape)
        enlarged = zoom(side, factors, order=1, mode='nearest', grid_mode=True)
        total = total + state['fuse.weight'][0, i, 0, 0] * enlarged
    return 1 / (1 + np.exp(-total))


@pytest.mark.parametrize('size', [(16, 24), (13, 18)])
def test_network_equals_its_plain_form(size):
    network = tiny_network().double()
    image = np.random.default_rng(0).random((3, *size))
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    edges = network(torch.from_numpy(image)[None])[0, 0].numpy()
    np.testing.assert_allclose(edges, plain_network(image, state), atol=1e-9)


def keras_arrays():
    """Names and shapes as in the package, one channel where VGG-16 has 64."""
    rng, arrays, previous = np.random.default_rng(0), {}, 3
    for i, count in enumerate((2, 2, 3, 3, 3)):
        for j in range(count):
            layer = f'block{i + 1}/layers/conv2d' + (f'_{j}' if j else '') + '/vars/'
            arrays[layer + '0'] = rng.normal(size=(3, 3, previous, i + 1))
            arrays[layer + '1'] = rng.normal(size=i + 1)
            previous = i + 1
        arrays[f'dsn{i + 1}/vars/0'] = rng.normal(size=(1, 1, previous, 1))
        arrays[f'dsn{i + 1}/vars/1'] = rng.normal(size=1)
    arrays['fuse/vars/0'] = rng.normal(size=(1, 1, 5, 1))
    arrays['fuse/vars/1'] = rng.normal(size=1)
    return arrays


def test_weights_of_the_package(tmp_path):
    arrays = keras_arrays()
    save_edge_network(arrays, tmp_path / 'hed.npz')
    network = load_edge_network(tmp_path / 'hed.npz')
    kernel = arrays['block3/layers/conv2d_1/vars/0'].astype(np.float16)
    loaded = network.stages[2][1].weight
    assert loaded.shape == (3, 3, 3, 3) and loaded.dtype == torch.float32
    assert loaded[2, 1, 0, 2] == float(kernel[0, 2, 1, 2])
    np.savez(tmp_path / 'other.npz', x=np.zeros(3))
    with pytest.raises(ValueError, match=r'other.npz holds no weights .*hed_weights.py'):
        load_edge_network(tmp_path / 'other.npz')


def test_maps_of_a_network_are_made_once(tmp_path):
    save_edge_network(keras_arrays(), tmp_path / 'hed.npz')
    boundary = build_boundary(str(tmp_path / 'hed.npz'), str(tmp_path / 'cache'))
    image = torch.rand(1, 3, 12, 17)
    first = boundary(image, (12, 17))
    (file,) = (tmp_path / 'cache').glob('*.png')
    direct = load_edge_network(tmp_path / 'hed.npz')(image)[0]
    torch.testing.assert_close(first, direct, atol=1e-6, rtol=0)
    Image.fromarray(np.full((12, 17), 255, np.uint8)).save(file)
    assert (boundary(image, (6, 8)) == 1).all(), 'the stored map is read'
    assert (boundary(image.flip(3), (12, 17)) != 1).any(), 'another image is another map'


def test_colours_are_the_default_and_mistakes_are_named(tmp_path):
    image = torch.rand(1, 3, 9, 11)
    expected = colour_gradient_boundary(image, (5, 6))
    torch.testing.assert_close(build_boundary('gradient')(image, (5, 6)), expected)
    folder = build_boundary(str(tmp_path))
    np.save(tmp_path / 'a.npy', np.eye(9, 11))
    larger = F.interpolate(torch.eye(9, 11)[None, None], (18, 22), mode='bilinear')[0]
    torch.testing.assert_close(folder(image, (18, 22), 'a'), larger)
    for edges in (str(tmp_path / 'none'), str(tmp_path / 'none.npz')):
        with pytest.raises(FileNotFoundError, match='none'):
            build_refinement(dict(type='EdgeGeodesic', edges=edges))
    with pytest.raises(ValueError, match='factor must be finite and > 0'):
        build_refinement(dict(type='EdgeGeodesic', factor=0))
