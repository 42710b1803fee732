"""Points that say "no": the loss and the label rule against their definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample

from mmseg_weak.models.heads import click_loss
from mmseg_weak.models.heads.click_loss import loss_by_clicks, stacked_exclusions
from mmseg_weak.models.losses import (
    ExclusionLoss,
    PartialCrossEntropyLoss,
    partial_cross_entropy,
)
from mmseg_weak.models.seminar.consistency import image_class_mask
from mmseg_weak.refinement import LabelRule, heterogeneous_label
from mmseg_weak.refinement.class_restriction import move_off

SIZE = (2, 4, 5, 3)  # N, C, H, W


def draw(seed, count):
    """Logits, and points that may meet at one pixel."""
    generator = torch.Generator().manual_seed(seed)
    pred = torch.randn(SIZE, generator=generator, dtype=torch.double).requires_grad_()
    n, c, h, w = SIZE
    columns = [torch.randint(0, k, (count,), generator=generator) for k in (n, h, w, c)]
    return pred, torch.stack(columns, dim=1).long()


def slow_loss(pred, exclusions):
    """Definition in the docstring, pixel by pixel."""
    sets: dict[tuple, set] = {}
    for image, row, column, label in exclusions.tolist():
        sets.setdefault((image, row, column), set()).add(label)
    total, count = 0, 0
    for (image, row, column), excluded in sets.items():
        if len(excluded) == pred.shape[1]:
            continue
        p = pred[image, :, row, column].softmax(0)
        total = total - torch.log(1 - sum(p[c] for c in excluded))
        count += 1
    return total / max(1, count)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 60))
def test_equals_the_definition(seed, count):
    pred, exclusions = draw(seed, count)
    loss = ExclusionLoss(loss_weight=2.0)(pred, exclusions)
    expected = torch.as_tensor(2 * slow_loss(pred, exclusions), dtype=loss.dtype)
    torch.testing.assert_close(loss, expected)


def test_one_excluded_of_two_classes_is_cross_entropy_of_the_other():
    pred, exclusions = draw(0, 6)
    pred = pred[:, :2]
    exclusions[:, 3] %= 2
    exclusions = torch.unique(exclusions[:, :3], dim=0)
    zeros = torch.zeros(len(exclusions), 1, dtype=torch.long)
    loss = ExclusionLoss()(pred, torch.cat([exclusions, zeros], dim=1))
    target = torch.full((2, 5, 3), 255)
    target[tuple(exclusions.unbind(1))] = 1
    torch.testing.assert_close(loss, PartialCrossEntropyLoss()(pred, target))


def test_gradient_and_extremes():
    pred, exclusions = draw(1, 8)
    assert torch.autograd.gradcheck(lambda p: ExclusionLoss()(p, exclusions), pred)
    every_class = torch.tensor([[0, 1, 1, c] for c in range(4)])
    loss = ExclusionLoss()(pred, torch.cat([exclusions, every_class]))
    (gradient,) = torch.autograd.grad(loss, pred)
    assert gradient.isfinite().all() and not gradient[0, :, 1, 1].any()
    sure = torch.full(SIZE, -1e4)
    sure[:, 2] = 1e4
    wrong = ExclusionLoss()(sure, torch.tensor([[0, 0, 0, 2]]))
    torch.testing.assert_close(wrong, torch.tensor(2e4) - np.log(3))
    assert ExclusionLoss()(sure, torch.tensor([[0, 0, 0, 1]])) == 0
    for dtype in (torch.half, torch.bfloat16):
        assert ExclusionLoss()(pred.to(dtype), exclusions).dtype == torch.float32


def test_nothing_excluded_is_zero_with_zero_gradient():
    pred, exclusions = draw(1, 0)
    loss = ExclusionLoss()(pred, exclusions)
    (gradient,) = torch.autograd.grad(loss, pred)
    assert loss == 0 and not gradient.any()


@pytest.mark.parametrize('align_corners', [False, True])
def test_low_resolution_equals_upsampling_first(align_corners):
    pred, exclusions = draw(2, 9)
    exclusions[:, 1:3] *= 2
    size = (11, 7)
    large = torch.nn.functional.interpolate(
        pred, size, mode='bilinear', align_corners=align_corners
    )
    loss = ExclusionLoss()
    torch.testing.assert_close(
        loss.forward_low_resolution(pred, exclusions, size, align_corners),
        loss(large, exclusions),
    )


def samples(exclusions):
    """Samples of a batch as the pipeline packs them."""
    made = []
    for i in range(SIZE[0]):
        sample = SegDataSample()
        labels = torch.full((1, *SIZE[2:]), 255)
        labels[0, 0, 0] = 1
        sample.gt_sem_seg = PixelData(data=labels)
        sample.gt_exclusions = exclusions[exclusions[:, 0] == i, 1:]
        made.append(sample)
    return made


def head(*losses):
    made = FCNHead(
        in_channels=4, channels=4, num_classes=4, num_convs=0, concat_input=False,
        loss_decode=[dict(type=name) for name in losses],
    )  # fmt: skip
    return made


def test_heads_hand_over_the_points():
    pred, exclusions = draw(3, 7)
    batch = samples(exclusions)
    assert sorted(stacked_exclusions(batch).tolist()) == sorted(exclusions.tolist())
    result = loss_by_clicks(head('PartialCrossEntropyLoss', 'ExclusionLoss'), pred, batch)
    torch.testing.assert_close(result['loss_exclusion'], slow_loss(pred, exclusions))
    assert result['loss_pce'] > 0
    with pytest.raises(ValueError, match=r'points say "no" .* add dict\(type=.Exclusion'):
        loss_by_clicks(head('PartialCrossEntropyLoss'), pred, batch)
    with pytest.raises(ValueError, match='given a label map: it needs SeminarSegmentor'):
        head('ExclusionLoss').loss_by_feat(pred, batch)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 30))
def test_probability_moves_off_excluded_classes(seed, count):
    pred, exclusions = draw(seed, count)
    probs = pred.detach().softmax(dim=1)
    moved = move_off(probs, exclusions)
    expected = probs.numpy().copy()
    for image, row, column, label in exclusions.tolist():
        expected[image, label, row, column] = 0
    touched = np.zeros(expected[:, 0].shape, bool)
    touched[tuple(exclusions[:, :3].T.numpy())] = True
    total = np.where(touched, expected.sum(axis=1), 1)[:, None]
    expected = np.divide(expected, total, out=np.zeros_like(expected), where=total > 0)
    np.testing.assert_allclose(moved.numpy(), expected, atol=1e-12)


def test_pseudo_labels_obey_the_points():
    probs = torch.tensor([0.05, 0.8, 0.15])[None, :, None, None].repeat(1, 1, 2, 2)
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    exclusions = torch.tensor([[0, 0, 0, 1], *([0, 1, 1, c] for c in range(3))])
    clicks = torch.full((1, 2, 2), 255)
    label = heterogeneous_label(
        [probs], nothing, clicks, torch.zeros(1, 3, 2, 2), LabelRule(threshold=0.5),
        refine=lambda images, scores: scores.mean((2, 3), keepdim=True).expand_as(scores),
        exclusions=exclusions,
    )  # fmt: skip
    assert label.labels.tolist() == [[[2, 1], [1, 255]]]


def test_classes_outside_a_vocabulary_may_be_there():
    sample = SegDataSample(metainfo=dict(image_classes=(1,), known_classes=(0, 1, 2)))
    plain = SegDataSample(metainfo=dict(image_classes=(1,), known_classes=None))
    mask = image_class_mask([sample, plain], 5)
    assert mask.tolist() == [
        [True, True, False, True, True],
        [True, True, False, False, False],
    ]


@pytest.mark.parametrize('empty', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_logits_enlarged_for_a_gpu_give_the_same(monkeypatch, empty, dtype):
    _, exclusions = draw(3, 7)
    batch = samples(exclusions)
    if empty:
        for sample in batch:
            sample.gt_sem_seg.data.fill_(255)
    logits = torch.randn(SIZE[0], 4, 3, 4).to(dtype)
    decode_head, results = head('PartialCrossEntropyLoss', 'ExclusionLoss'), []
    for answer in (False, True):
        for module in (click_loss, partial_cross_entropy):
            monkeypatch.setattr(module, 'reads_all', lambda *_, answer=answer: answer)
        pred = logits.clone().requires_grad_()
        result = loss_by_clicks(decode_head, pred, batch)
        (result['loss_pce'] + result['loss_exclusion']).backward()
        results.append(dict(result, gradient=pred.grad))
    torch.testing.assert_close(*results)
