"""The fast iteration against the plain one."""

import copy

import pytest
import torch
from plain_mutual_promotion import plain_iteration
from toy_mutual import (
    BSP,
    CLS,
    PAR,
    build,
    set_iteration,
    tagged_batch,
    total,
    toy_mutual,
)

PADDINGS = ([0, 0, 0, 0], [0, 9, 0, 13], [4, 3, 5, 2])
VARIANTS = {
    'full': {},
    'no gate': dict(gate=False),
    'options': dict(
        supervision=dict(
            s2c_with_background=True, threshold_on_probability=True, threshold=0.6
        )
    ),
    'afa': dict(
        gate=False,
        schedule=dict(segmentation_start=2, propagation_start=None),
        supervision=dict(c2s=0.1, s2c=0, c2s_loss='balanced_ce'),
    ),
    'average': dict(reuse_features=False),
}


def compare(model, inputs, samples, iteration):
    """Losses and gradients of both forms on equal copies of a model."""
    plain = copy.deepcopy(model)
    set_iteration(iteration)
    model.watch_labels(True)
    ours = model.loss(inputs, samples)
    total(ours).backward()
    theirs, labels = plain_iteration(plain, inputs, samples, iteration)
    total(theirs).backward()
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-5, atol=1e-6, msg=key)
    grads = dict(plain.named_parameters())
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        expected = grads[name].grad
        scale = expected.abs().max().item()
        torch.testing.assert_close(
            p.grad, expected, rtol=1e-5, atol=1e-5 * scale + 1e-7, msg=name
        )
    return ours, labels


@pytest.mark.parametrize('iteration', [CLS, PAR, BSP])
@pytest.mark.parametrize('backbone', ['conv', 'mit'])
@pytest.mark.parametrize('variant', VARIANTS)
def test_equals_the_plain_iteration(backbone, variant, iteration):
    options = copy.deepcopy(VARIANTS[variant])
    model = build(toy_mutual(backbone=backbone, **options))
    if variant == 'average':
        model.cam_head.pooling = 'avg'
    inputs, samples = tagged_batch(paddings=PADDINGS)
    ours, labels = compare(model, inputs, samples, iteration)
    if iteration == CLS:
        assert model.watched == {}
        return
    for name in ('Y_c', 'Y_s'):
        assert (model.watched[name] == labels[name]).float().mean() > 0.999, name
    # The comparison would be hollow on empty labels.
    assert 0 < ours['cam_label_share'] <= 100
    assert 0 < ours['seg_label_share'] <= 100
    assert {1, 2} & set(labels['Y_c'].unique().tolist())
