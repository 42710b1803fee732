"""Faster forms give the same features, or nothing is changed."""

import pytest
import torch
from mmseg.registry import MODELS
from test_cam_backbones import BACKBONES
from torch import nn

from mmseg_weak.models.inference.fast_convolutions import (
    fold_norms,
    send_pointwise_to_onednn,
)

ONEDNN = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason='this torch has no oneDNN'
)

FOLDED = {'ResNet', 'ResNetV1c', 'ResNeXt', 'MobileNetV2'}


@pytest.mark.parametrize('config', BACKBONES, ids=lambda config: config['type'])
def test_features_stay(config):
    torch.manual_seed(0)
    backbone = MODELS.build(config)
    backbone.eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
    images = torch.randn(2, 3, 64, 96)
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    with torch.no_grad():
        before = backbone(images)
        folded = fold_norms(backbone)
        after = backbone(images)
    for a, b in zip(before, after):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3 * float(a.abs().max()))
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, state[key]), key
    if config['type'] in FOLDED:
        assert folded


class PreActivation(nn.Module):
    """A norm before its convolution, as ResNet-38 has."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = self.first(x)
        return [x + self.second(self.norm(x).relu())]


def test_norms_before_a_convolution():
    torch.manual_seed(0)
    model = PreActivation().eval()
    model.norm.running_mean.fill_(3)
    images = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        before = model(images)[0]
        fold_norms(model)
        torch.testing.assert_close(model(images)[0], before, rtol=1e-4, atol=1e-5)


class Unsteady(nn.Module):
    """What tracing would freeze: the size of the image."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return [self.conv(x) if x.shape[2] > x.shape[3] else self.conv(x) * 2]


class OneSize(nn.Module):
    """Takes images of one size, as transformers with fixed positions do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.position = nn.Parameter(torch.zeros(1, 4, 8, 8))

    def forward(self, x):
        return [self.conv(x) + self.position]


def test_a_network_of_one_size_stays():
    model = OneSize().eval()
    assert not fold_norms(model)
    assert model(torch.randn(1, 3, 8, 8))[0].shape == (1, 4, 8, 8)


def test_what_cannot_be_traced_stays():
    model = Unsteady().eval()
    assert not fold_norms(model)
    assert 'forward' not in model.__dict__
    assert model(torch.randn(1, 3, 4, 5))[0].shape == (1, 4, 4, 5)


@ONEDNN
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('channels, groups', [(8, 1), (8, 4)])
def test_pointwise_convolutions_stay(stride, channels, groups):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 12, 1, stride=stride, groups=groups).double()
    images = torch.randn(2, channels, 7, 9, dtype=torch.double)
    before = conv(images)
    other = nn.Conv2d(channels, 4, 3, padding=1).double()
    send_pointwise_to_onednn(nn.Sequential(conv, other))
    assert conv.dilation != other.dilation == (1, 1)
    torch.testing.assert_close(conv(images), before)
    single = images.float().contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(conv.float()(single), before.float(), rtol=1e-4, atol=1e-5)
