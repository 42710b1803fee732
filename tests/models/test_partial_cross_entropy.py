import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.models.losses import PartialCrossEntropyLoss


def sparse_batch(seed, size=(2, 5, 9, 7), share=0.2, dtype=torch.double):
    """Random logits and labels, most of them unlabelled."""
    generator = torch.Generator().manual_seed(seed)
    n, c, h, w = size
    pred = torch.randn(size, generator=generator, dtype=dtype).requires_grad_()
    target = torch.randint(0, c, (n, h, w), generator=generator)
    target[torch.rand((n, h, w), generator=generator) > share] = 255
    weight = torch.rand((n, h, w), generator=generator, dtype=dtype) * 3
    return pred, target, weight


def slow_loss(pred, target, weight=None, class_weight=None):
    """Definition 1 of seminar learning, pixel by pixel."""
    total, denominator = 0, 0
    for n, y, x in (target != 255).nonzero().tolist():
        label = target[n, y, x]
        w = 1.0 if class_weight is None else class_weight[label]
        w = w if weight is None else w * weight[n, y, x]
        total = total - w * pred[n, :, y, x].log_softmax(0)[label]
        denominator = denominator + w
    return total / max(1, denominator)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0.0, 1.0),
    weighted=st.booleans(),
    classes=st.booleans(),
)
def test_equals_the_definition(seed, share, weighted, classes):
    pred, target, weight = sparse_batch(seed, share=share)
    class_weight = [0.5, 2.0, 1.0, 0.0, 3.0] if classes else None
    loss = PartialCrossEntropyLoss(class_weight)(pred, target, weight if weighted else None)
    expected = slow_loss(pred, target, weight if weighted else None, class_weight)
    torch.testing.assert_close(loss, torch.as_tensor(expected, dtype=loss.dtype))


def test_equals_torch_with_class_weights():
    pred, target, _ = sparse_batch(3)
    class_weight = torch.tensor([0.5, 2.0, 1.0, 0.1, 3.0], dtype=torch.double)
    loss = PartialCrossEntropyLoss(class_weight.tolist())(pred, target)
    expected = F.cross_entropy(pred, target, weight=class_weight, ignore_index=255)
    torch.testing.assert_close(loss, expected)
    ours, theirs = (torch.autograd.grad(value, pred)[0] for value in (loss, expected))
    torch.testing.assert_close(ours, theirs)


def test_no_label_is_zero_with_zero_gradient():
    pred, target, _ = sparse_batch(0)
    loss = PartialCrossEntropyLoss()(pred, torch.full_like(target, 255))
    loss.backward()
    assert loss.item() == 0
    assert pred.grad.abs().max() == 0


def test_zero_weights_do_not_divide_by_zero():
    pred, target, weight = sparse_batch(0)
    loss = PartialCrossEntropyLoss()(pred, target, weight * 0)
    assert loss.item() == 0


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('size', [(36, 28), (33, 31), (9, 7), (5, 20), (1, 1)])
def test_low_resolution_equals_upsample_then_gather(align_corners, size):
    pred, _, _ = sparse_batch(1)
    generator = torch.Generator().manual_seed(5)
    target = torch.randint(0, 5, (2, *size), generator=generator)
    target[torch.rand(target.shape, generator=generator) > 0.4] = 255
    target[0, 0, 0] = 1
    loss = PartialCrossEntropyLoss([1, 2, 3, 4, 5])
    upsampled = F.interpolate(pred, size, mode='bilinear', align_corners=align_corners)
    expected = loss(upsampled, target)
    value = loss.forward_low_resolution(pred, target, align_corners=align_corners)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)
    ours, theirs = (torch.autograd.grad(v, pred)[0] for v in (value, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_gradcheck():
    pred, target, weight = sparse_batch(2, size=(1, 3, 4, 4), share=0.5)
    loss = PartialCrossEntropyLoss([1.0, 0.5, 2.0])
    assert torch.autograd.gradcheck(lambda p: loss(p, target, weight), pred)
    low = torch.randn(1, 3, 2, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: loss.forward_low_resolution(p, target), low)


@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16])
def test_half_precision_logits_are_reduced_in_float32(dtype):
    pred, target, _ = sparse_batch(4, dtype=torch.float)
    exact = PartialCrossEntropyLoss()(pred.to(dtype).float(), target)
    loss = PartialCrossEntropyLoss()(pred.to(dtype), target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact)


def test_channels_last_logits():
    pred, target, _ = sparse_batch(6)
    contiguous = PartialCrossEntropyLoss()(pred, target)
    permuted = PartialCrossEntropyLoss()(pred.to(memory_format=torch.channels_last), target)
    torch.testing.assert_close(contiguous, permuted)


def test_unlabelled_logits_are_not_read():
    pred, target, _ = sparse_batch(7)
    poisoned = pred.detach().clone()
    poisoned.masked_fill_((target == 255)[:, None], float('nan'))
    loss = PartialCrossEntropyLoss()
    torch.testing.assert_close(loss(poisoned, target), loss(pred, target).detach())


@pytest.mark.parametrize(
    'options',
    [dict(class_weight=[1, -1]), dict(loss_weight=float('nan')), dict(loss_weight=-1)],
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='finite and >= 0'):
        PartialCrossEntropyLoss(**options)


def test_shapes_that_do_not_fit():
    pred, target, _ = sparse_batch(0)
    with pytest.raises(ValueError, match='differ in size'):
        PartialCrossEntropyLoss()(pred, target[:, 1:])
    with pytest.raises(ValueError, match='2 class weights for 5 classes'):
        PartialCrossEntropyLoss([1, 1])(pred, target)


def test_class_weights_of_numpy_and_torch():
    weights = [1.0, 0.5, 2.0]
    logits, target = torch.randn(1, 3, 4, 4), torch.randint(3, (1, 4, 4))
    expected = PartialCrossEntropyLoss(weights)(logits, target)
    for other in (np.array(weights), torch.tensor(weights)):
        assert PartialCrossEntropyLoss(other)(logits, target) == expected


def test_points_are_pixels_in_a_row():
    """PointRend's head has logits (N, C, P) at sampled points."""
    logits, labels = torch.randn(2, 4, 30), torch.randint(4, (2, 30))
    labels[:, ::2] = 255
    weight = torch.rand(2, 30)
    loss = PartialCrossEntropyLoss()
    rows = [values.unflatten(-1, (5, 6)) for values in (logits, labels, weight)]
    torch.testing.assert_close(loss(logits, labels, weight), loss(*rows))
    torch.testing.assert_close(
        loss(logits, labels),
        torch.nn.functional.cross_entropy(logits, labels, ignore_index=255),
    )


@pytest.mark.parametrize('class_weight', [None, (1.0, 0.5, 2.0)])
@pytest.mark.parametrize('weighted', [False, True])
def test_many_labels_and_few_give_the_same(monkeypatch, class_weight, weighted):
    """Whatever is read, pixel by pixel or all, value and gradient are equal."""
    from mmseg_weak.models.losses import partial_cross_entropy as module

    torch.manual_seed(0)
    loss = PartialCrossEntropyLoss(class_weight)
    labels = torch.randint(0, 3, (2, 8, 12))
    labels[torch.rand(labels.shape) < 0.3] = 255
    weight = torch.rand(2, 8, 12) if weighted else None
    results = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(module, 'DENSE_SHARE', share)
        monkeypatch.setattr(module, 'DENSE_SHARE_LOW', share)
        torch.manual_seed(1)
        full = torch.randn(2, 3, 8, 12, requires_grad=True)
        low = torch.randn(2, 3, 4, 5, requires_grad=True)
        values = (
            loss(full, labels, weight),
            loss.forward_low_resolution(low, labels, weight),
        )
        sum(values).backward()
        results[share] = [*values, full.grad, low.grad]
    torch.testing.assert_close(results[0.0], results[1.0])
