"""Images, labels and options at the edge of what occurs."""

import copy
import math

import pytest
import torch
from plain_mutual_promotion import plain_iteration
from toy_mutual import BSP, CLS, PAR, build, set_iteration, tagged_batch, total, toy_mutual

from mmseg_weak.models.losses import balanced_cross_entropy
from mmseg_weak.models.mutual_promotion import (
    LabelOptions,
    MutualPromotionSchedule,
    PresentClasses,
    Supervision,
    make_cam_labels,
    zero_with_gradients,
)
from mmseg_weak.models.mutual_promotion.supervision import label_statistics, tag_f1


def step(model, inputs, samples, iteration):
    set_iteration(iteration)
    losses = model.loss(inputs, samples)
    total(losses).backward()
    for key, value in losses.items():
        assert math.isfinite(value.item()), key
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
    return losses


def equals_plain(model, inputs, samples, iteration):
    plain, _ = plain_iteration(copy.deepcopy(model), inputs, samples, iteration)
    losses = step(model, inputs, samples, iteration)
    for key, value in plain.items():
        torch.testing.assert_close(losses[key], value, rtol=1e-5, atol=1e-6, msg=key)
    return losses


@pytest.mark.parametrize('iteration', [CLS, PAR, BSP])
def test_no_image_has_a_class(iteration):
    model = build(toy_mutual(backbone='mit'))
    equals_plain(model, *tagged_batch(tags=((), ())), iteration)


@pytest.mark.parametrize('iteration', [PAR, BSP])
def test_data_set_of_one_class(iteration):
    model = build(toy_mutual(num_classes=2))
    inputs, samples = tagged_batch(tags=((1,), ()))
    equals_plain(model, inputs, samples, iteration)
    predicted = model.eval().predict(inputs)
    assert predicted[0].pred_cam_sem_seg.data.max() <= 1
    assert predicted[0].cam_logits.data.shape == (1, 48, 40)


@pytest.mark.parametrize('iteration', [PAR, BSP])
def test_crop_that_is_all_padding(iteration):
    model = build(toy_mutual(backbone='mit'))
    inputs, samples = tagged_batch(tags=((1,),), paddings=[[0, 40, 0, 48]])
    # Not a flat image: layer norm's gradient of one explodes, in any transformer.
    losses = step(model, inputs + torch.rand_like(inputs), samples, iteration)
    for key in ('loss_c2s', 'loss_s2c', 'loss_aff', 'cam_label_share', 'seg_label_share'):
        assert losses[key] == 0, key


def test_crop_smaller_than_the_largest_dilation():
    model = build(toy_mutual(labels=dict(num_iters=2)))
    assert max(model.label_options.dilations) == 24
    equals_plain(model, *tagged_batch(size=(32, 35)), BSP)


def test_object_of_one_pixel():
    """It does not survive the half-sized refinement, and becomes background, not a spot."""
    cams = torch.zeros(1, 2, 33, 31)
    cams[0, 0, 7, 9] = 1
    classes = PresentClasses.from_tags(torch.tensor([[1, 0]]), 'cpu')
    box = torch.tensor([[0, 33, 0, 31]])
    par, propagated = make_cam_labels(
        torch.rand(1, 3, 33, 31), cams[:, :1], 1 - cams[:, 0], classes, box, LabelOptions()
    )
    assert (par == 0).all() and (propagated == 0).all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_mixed_precision_is_close(dtype):
    batch = tagged_batch()
    exact = step(build(toy_mutual(backbone='mit')), *batch, BSP)
    model = build(toy_mutual(backbone='mit'))
    set_iteration(BSP)
    with torch.autocast('cpu', dtype):
        losses = model.loss(*batch)
    total(losses).backward()
    for key in ('loss_cls', 'loss_c2s', 'loss_aff'):
        assert losses[key].dtype == torch.float32
        torch.testing.assert_close(losses[key], exact[key], rtol=0.1, atol=0.02)
    # A cast made without gradient and kept by autocast would cut parameters off.
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert all(p.grad.abs().max() > 0 for p in model.decode_head.parameters())


def test_backbone_without_attention_has_no_affinity_branch():
    options = dict(affinity_head=dict(type='AttentionAffinityHead', num_maps=8))
    assert build(toy_mutual(**options)).affinity_head is None


def test_ablation_without_any_promotion_learns_tags_only():
    model = build(toy_mutual(supervision=dict(c2s=0, s2c=0), gate=False))
    losses = step(model, *tagged_batch(), BSP)
    assert losses['loss_c2s'] == losses['loss_s2c'] == 0
    assert all(p.grad.abs().max() == 0 for p in model.decode_head.parameters())


def test_s2c_alone_leaves_the_decoder_alone():
    model = build(toy_mutual(supervision=dict(c2s=0, s2c=1)))
    losses = step(model, *tagged_batch(), BSP)
    assert losses['loss_s2c'] > 0 == losses['loss_c2s']
    assert all(p.grad.abs().max() == 0 for p in model.decode_head.parameters())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(cam_head=dict(type='CAMHead', in_channels=16, num_classes=5)), 'outputs'),
        (dict(auxiliary_head=toy_mutual()['decode_head']), 'auxiliary_head'),
        (dict(labels=dict(low=0.6)), 'low <= high'),
        (dict(labels=dict(scales=())), 'scales'),
        (dict(supervision=dict(c2s=-1)), 'finite'),
        (dict(supervision=dict(c2s_loss='mse')), 'c2s_loss'),
        (dict(supervision=dict(threshold_on_probability=True, threshold=2)), 'probability'),
        (dict(schedule=dict(segmentation_start=-1)), 'switches'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(toy_mutual(**options))


def test_missing_tags_name_the_image():
    inputs, samples = tagged_batch()
    samples[1].set_metainfo(dict(image_classes=None, img_path='b.jpg'))
    with pytest.raises(ValueError, match='b.jpg has no image_classes'):
        build(toy_mutual()).loss(inputs, samples)


def test_schedule_is_the_published_one():
    schedule = MutualPromotionSchedule()
    on = [schedule.trains_segmentation(i) for i in (0, 2000, 2001)]
    assert on == [False, False, True]
    propagates = [schedule.propagates_background(i) for i in (3999, 4000)]
    assert propagates == [False, True]


def test_zero_loss_reads_nothing():
    broken = torch.full((2,), float('nan'), requires_grad=True)
    loss = zero_with_gradients([broken, torch.ones(1)])
    loss.backward()
    assert loss == 0 and torch.equal(broken.grad, torch.zeros(2))
    assert zero_with_gradients([]) == 0


def test_statistics():
    cam = torch.tensor([[[0, 1, 2, 255]]])
    seg = torch.tensor([[[255, 1, 1, 1]]])
    shares = label_statistics(cam, seg, num_pixels=4)
    assert {k: round(v.item(), 3) for k, v in shares.items()} == dict(
        cam_label_share=75.0, seg_label_share=75.0, label_agreement=50.0
    )
    tags = torch.tensor([[1.0, 0, 1]])
    assert tag_f1(torch.tensor([[1.0, 1, -1]]), tags).item() == pytest.approx(50)
    assert tag_f1(-torch.ones(1, 3), torch.zeros(1, 3)) == 100


def test_balanced_cross_entropy_without_pixels():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = balanced_cross_entropy(logits, torch.full((2, 4, 4), 255))
    loss.backward()
    assert loss == 0 and logits.grad.abs().max() == 0
    with pytest.raises(ValueError, match='fit'):
        balanced_cross_entropy(logits, torch.zeros(2, 4, 5))


def test_default_weights_are_the_published_ones():
    weights = Supervision()
    assert (weights.cls, weights.c2s, weights.s2c, weights.affinity) == (1, 0.7, 0.1, 0.1)
