"""ResNet-38 and the reader of MXNet's container, against a writer of our own."""

import struct

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS

from mmseg_weak.models.backbones.mxnet_params import read_mxnet_params

KINDS = {'float32': 0, 'float64': 1, 'float16': 2, 'uint8': 3, 'int32': 4, 'int64': 6}


def write_params(path, arrays, version=2):
    """The container as MXNet documents it; version 0 is the oldest layout."""
    parts = [struct.pack('<QQQ', 0x112, 0, len(arrays))]
    for array in arrays.values():
        if version:
            parts.append(struct.pack('<I', 0xF993FAC7 + version))
        if version >= 2:
            parts.append(struct.pack('<i', 0))
        parts.append(struct.pack('<I', array.ndim))
        parts.append(struct.pack(f'<{array.ndim}{"q" if version else "I"}', *array.shape))
        parts.append(struct.pack('<iii', 1, 0, KINDS[array.dtype.name]))
        parts.append(array.tobytes())
    parts.append(struct.pack('<Q', len(arrays)))
    for name in arrays:
        parts.append(struct.pack('<Q', len(name)) + name.encode())
    path.write_bytes(b''.join(parts))


def make_backbone(**options):
    torch.manual_seed(0)
    return MODELS.build(dict(type='ResNet38', width_divisor=16, **options))


def published_name(key):
    """Inverse of the conversion, written from the published network's file."""
    parts = key.split('.')
    kinds = dict(
        weight='gamma', bias='beta', running_mean='moving_mean', running_var='moving_var'
    )
    group = 'aux' if 'running' in key else 'arg'
    if parts[0] == 'conv1a':
        return 'arg:conv1a_weight'
    if parts[0] == 'bn7':
        return f'{group}:bn7_{kinds[parts[1]]}'
    block, layer, kind = parts
    level, _, number = block[1:].partition('_')
    block = level + (f'b{number}' if number else 'a')
    layer, branch = layer.split('_')
    if layer == 'conv':
        return f'arg:res{block}_{branch}_weight'
    return f'{group}:bn{block}_{branch}_{kinds[kind]}'


def published_arrays(backbone):
    rng = np.random.default_rng(0)
    return {
        published_name(key): rng.random(tuple(value.shape), np.float32)
        for key, value in backbone.state_dict().items()
        if 'tracked' not in key
    }


def test_shapes_and_strides():
    backbone = make_backbone(out_indices=(0, 1, 2, 3, 4)).eval()
    outputs = backbone(torch.rand(1, 3, 40, 56))
    shapes = [tuple(x.shape[1:]) for x in outputs]
    sizes = [(20, 28), (10, 14), (5, 7), (5, 7), (5, 7)]
    widths = (128, 256, 512, 1024, 4096)
    assert shapes == [(c // 16, *size) for c, size in zip(widths, sizes)]
    assert all(x.min() >= 0 for x in outputs)


def test_number_of_parameters_is_that_of_the_paper():
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='ResNet38'))
    convolutions = [m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    shortcuts = [n for n, _ in backbone.named_modules() if n.endswith('conv_branch1')]
    # 1 + 2 * (3 + 3 + 6 + 3) + 3 * 2 convolutions and the classifier: 38 layers.
    assert len(convolutions) - len(shortcuts) + 1 == 38
    assert len(shortcuts) == 6
    total = sum(p.numel() for p in backbone.parameters())
    assert 100e6 < total < 130e6


def test_deeper_outputs_do_not_depend_on_the_selection():
    backbone = make_backbone(out_indices=(2, 3, 4)).eval()
    image = torch.rand(1, 3, 24, 24)
    together = backbone(image)
    for i, index in enumerate((2, 3, 4)):
        backbone.out_indices = (index,)
        torch.testing.assert_close(backbone(image)[0], together[i])


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1])
@pytest.mark.parametrize('norm_frozen', [True, False])
def test_what_is_frozen(frozen_stages, norm_frozen):
    backbone = make_backbone(frozen_stages=frozen_stages, norm_frozen=norm_frozen)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    backbone.train()
    optimizer = torch.optim.SGD([p for p in backbone.parameters() if p.requires_grad], 1.0)
    backbone(torch.rand(2, 3, 16, 16))[0].square().mean().backward()
    optimizer.step()
    changed = {k for k, v in backbone.state_dict().items() if not torch.equal(v, before[k])}
    assert ('conv1a.weight' in changed) == (frozen_stages < 0)
    first_level = {k for k in changed if k.startswith('b2') and 'conv' in k}
    assert bool(first_level) == (frozen_stages < 1)
    assert 'b5.conv_branch2a.weight' in changed
    norms = {k for k in changed if 'bn' in k}
    assert bool(norms) != norm_frozen


@pytest.mark.parametrize('version', [0, 1, 2, 3])
def test_reader(version, tmp_path):
    rng = np.random.default_rng(0)
    arrays = dict(a=rng.random((2, 3), np.float32), b=rng.integers(9, size=4))
    arrays['arg:c_weight'] = rng.random((1, 2, 3, 4)).astype(np.float16)
    write_params(tmp_path / 'x.params', arrays, version)
    found = read_mxnet_params(tmp_path / 'x.params')
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize('version', [0, 2])
def test_published_weights(version, tmp_path):
    expected = published_arrays(make_backbone())
    classifier = {'arg:linear1000_weight': np.ones((5, 2), np.float32)}
    write_params(tmp_path / 'a1.params', {**expected, **classifier}, version)
    checkpoint = dict(type='Pretrained', checkpoint=str(tmp_path / 'a1.params'))
    backbone = make_backbone(init_cfg=checkpoint)
    backbone.init_weights()
    state = backbone.state_dict()
    for key in [k for k in state if 'tracked' not in k]:
        np.testing.assert_array_equal(state[key], expected[published_name(key)], key)


def test_weights_of_another_network(tmp_path):
    path = tmp_path / 'x.params'
    arrays = published_arrays(make_backbone())
    checkpoint = dict(type='Pretrained', checkpoint=str(path))
    arrays.pop('arg:res4b5_branch2a_weight')
    write_params(path, arrays)
    with pytest.raises(ValueError, match=r'1 arrays are missing \(b4_5.conv_branch2a'):
        make_backbone(init_cfg=checkpoint).init_weights()
    write_params(path, {'arg:fc_weight': np.ones(2, np.float32)})
    with pytest.raises(ValueError, match='fc_weight is no array of the published'):
        make_backbone(init_cfg=checkpoint).init_weights()


def test_damaged_files(tmp_path):
    path = tmp_path / 'x.params'
    with pytest.raises(FileNotFoundError):
        read_mxnet_params(path)
    arrays = dict(a=np.ones((4, 5), np.float32), b=np.ones(3, np.float32))
    write_params(path, arrays)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match='no complete MXNet'):
            read_mxnet_params(path)
    path.write_bytes(b'PK' + whole)
    with pytest.raises(ValueError, match='it begins with'):
        read_mxnet_params(path)
    sparse = bytearray(whole)
    sparse[28] = 1
    path.write_bytes(bytes(sparse))
    with pytest.raises(ValueError, match='sparse'):
        read_mxnet_params(path)


@pytest.mark.parametrize('options', [dict(out_indices=(5,)), dict(frozen_stages=2)])
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='ResNet38'):
        make_backbone(**options)
