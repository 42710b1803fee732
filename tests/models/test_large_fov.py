"""LargeFOV on VGG, and the loss of a class-agnostic network."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_weak.models.losses import ForegroundBCELoss


def test_vgg_has_stride_eight_and_torchvision_names():
    vgg = MODELS.build(dict(type='VGGLargeFOV', depth=11, out_indices=(2, 4)))
    vgg.init_weights()
    maps = vgg(torch.zeros(1, 3, 65, 49))
    assert [tuple(m.shape[1:]) for m in maps] == [(256, 9, 7), (512, 9, 7)]
    convolutions = [m for m in vgg.features if isinstance(m, torch.nn.Conv2d)]
    assert [c.dilation[0] for c in convolutions] == [1] * 6 + [2] * 2
    assert 'features.0.weight' in vgg.state_dict()


def test_vgg_without_its_last_pooling():
    vgg = MODELS.build(dict(type='VGGLargeFOV', depth=11, with_last_pool=False))
    assert isinstance(vgg.features[-1], torch.nn.ReLU)
    assert vgg(torch.zeros(1, 3, 33, 33))[0].shape == (1, 512, 5, 5)


def test_published_weights_load(tmp_path):
    vgg = MODELS.build(dict(type='VGGLargeFOV', depth=11))
    state = {k: torch.randn_like(v) for k, v in vgg.state_dict().items()}
    torch.save({**state, 'classifier.0.weight': torch.zeros(2)}, tmp_path / 'vgg.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'vgg.pth'))
    loaded = MODELS.build(dict(type='VGGLargeFOV', depth=11, init_cfg=init))
    loaded.init_weights()
    assert all(torch.equal(loaded.state_dict()[k], v) for k, v in state.items())


def test_head_shape_and_options():
    head = dict(
        type='LargeFOVHead',
        in_channels=6,
        in_index=0,
        channels=4,
        num_classes=3,
        norm_cfg=None,
        loss_decode=dict(type='CrossEntropyLoss'),
    )
    logits = MODELS.build(head)([torch.zeros(2, 6, 9, 7)])
    assert logits.shape == (2, 3, 9, 7)
    with pytest.raises(ValueError, match='dilation must be >= 1'):
        MODELS.build(dict(head, dilation=0))


def test_head_begins_with_a_part_of_vgg(tmp_path):
    """Against the picking of single numbers, and left alone by a second call."""
    head = dict(
        type='LargeFOVHead',
        in_channels=2,
        in_index=0,
        channels=3,
        num_classes=3,
        norm_cfg=None,
        loss_decode=dict(type='CrossEntropyLoss'),
        pretrained=str(tmp_path / 'vgg.pth'),
    )
    state = {
        'classifier.0.weight': torch.randn(12, 2 * 49),
        'classifier.0.bias': torch.randn(12),
        'classifier.3.weight': torch.randn(12, 12),
        'classifier.3.bias': torch.randn(12),
    }
    torch.save(state, tmp_path / 'vgg.pth')
    built = MODELS.build(head)
    built.init_weights()
    for out in range(3):
        assert built.fc6[0].bias[out] == state['classifier.0.bias'][4 * out]
        assert built.fc7[0].bias[out] == state['classifier.3.bias'][4 * out]
        for i, y, x in itertools.product(range(2), range(3), range(3)):
            column = i * 49 + 3 * y * 7 + 3 * x
            expected = state['classifier.0.weight'][4 * out, column]
            assert built.fc6[0].weight[out, i, y, x] == expected
        for i in range(3):
            expected = state['classifier.3.weight'][4 * out, 4 * i]
            assert built.fc7[0].weight[out, i, 0, 0] == expected
    built.fc6[0].weight.data.zero_()
    built.init_weights()
    assert (built.fc6[0].weight == 0).all()
    for wrong in (dict(in_channels=3), dict(channels=40)):
        with pytest.raises(ValueError, match='no fully connected layers of a VGG'):
            MODELS.build({**head, **wrong}).init_weights()


def test_loss_is_the_mean_over_labelled_pixels():
    logits = torch.randn(2, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 3, (2, 4, 5))
    target[0, 0] = 255
    loss = ForegroundBCELoss(loss_weight=2.0)(logits, target)
    valid = target != 255
    expected = F.binary_cross_entropy(
        logits[:, 0][valid].sigmoid(), (target[valid] > 0).double()
    )
    torch.testing.assert_close(loss, 2 * expected)
    assert torch.autograd.gradcheck(lambda x: ForegroundBCELoss()(x, target), logits)


def test_loss_without_labels_is_zero():
    logits = torch.randn(1, 1, 3, 3, requires_grad=True)
    loss = ForegroundBCELoss()(logits, torch.full((1, 3, 3), 255))
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()
    with pytest.raises(ValueError, match='one output per pixel'):
        ForegroundBCELoss()(torch.zeros(1, 2, 3, 3), torch.zeros(1, 3, 3).long())
