"""The hook changes models on a CPU, and nothing but the speed of them."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import HOOKS
from torch import nn

ONEDNN = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason='this torch has no oneDNN'
)


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.Conv2d(8, 4, 1, stride=2)
    )


def run_hook(model):
    init_default_scope('mmseg')
    hook = HOOKS.build(dict(type='OneDNNPointwiseHook'))
    hook.before_run(SimpleNamespace(model=model))
    return model


@ONEDNN
def test_same_outputs_and_gradients():
    plain = make_model()
    fast = run_hook(copy.deepcopy(plain))
    assert [m.dilation for m in fast if isinstance(m, nn.Conv2d)] == [
        (2, 2),
        (1, 1),
        (2, 2),
    ]
    images = torch.randn(2, 3, 17, 20).contiguous(memory_format=torch.channels_last)
    outputs = [model(images) for model in (plain, fast)]
    torch.testing.assert_close(outputs[1], outputs[0])
    for output in outputs:
        output.square().sum().backward()
    for slow, quick in zip(plain.parameters(), fast.parameters()):
        torch.testing.assert_close(quick.grad, slow.grad, rtol=1e-4, atol=1e-4)
    fast.load_state_dict(plain.state_dict())  # the same keys


def test_other_devices_stay():
    model = run_hook(make_model().to('meta'))
    assert all(m.dilation == (1, 1) for m in model if isinstance(m, nn.Conv2d))
