"""The fast iteration against the plain one."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
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

from mmseg_weak.models.cam.tags import stack_tags
from mmseg_weak.models.inference import low_precision
from mmseg_weak.models.inference.fast_convolutions import fuse_frozen_norms
from mmseg_weak.models.mutual_promotion import (
    LabelOptions,
    PresentClasses,
    make_cam_labels,
)
from mmseg_weak.models.mutual_promotion.multi_scale import background_logits
from mmseg_weak.refinement import PixelAdaptiveRefinement

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
    'avg': dict(reuse_features=False),
    'max': dict(reuse_features=False),
}


def compare(model, inputs, samples, iteration):
    """Losses and gradients of both forms on equal copies of a model."""
    plain = copy.deepcopy(model)
    fuse_frozen_norms(plain, False)
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


CASES = [
    *[('full', 'conv', i) for i in (CLS, PAR, BSP)],
    *[('full', 'mit', i) for i in (CLS, PAR, BSP)],
    *[(variant, 'conv', BSP) for variant in VARIANTS if variant != 'full'],
    ('afa', 'mit', BSP),
    ('avg', 'mit', BSP),
]


@pytest.mark.parametrize(('variant', 'backbone', 'iteration'), CASES)
def test_equals_the_plain_iteration(variant, backbone, iteration):
    options = copy.deepcopy(VARIANTS[variant])
    model = build(toy_mutual(backbone=backbone, **options))
    assert model.cam_head.pooling == 'max_features', 'as published, without a word'
    if variant in ('avg', 'max'):
        model.cam_head.pooling = variant
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


def test_reused_features_change_nothing():
    inputs, samples = tagged_batch(paddings=PADDINGS)
    results = []
    for reuse in (True, False):
        model = build(toy_mutual(backbone='mit', reuse_features=reuse))
        set_iteration(BSP)
        results.append(model.loss(inputs, samples))
    for key, value in results[0].items():
        torch.testing.assert_close(value, results[1][key], rtol=1e-5, atol=1e-6, msg=key)


def test_adamw_goes_the_same_way_across_both_switches():
    """In double precision: rounding alone may tip a pixel's label over."""
    ours = build(toy_mutual(backbone='mit')).double()
    plain = copy.deepcopy(ours)
    optimizers = [
        # The large eps keeps rounding apart: key biases have no other gradient.
        torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, eps=1e-3)
        for model in (ours, plain)
    ]
    for iteration in range(6):
        inputs, samples = tagged_batch(seed=iteration)
        inputs = inputs.double()
        set_iteration(iteration)
        losses = (
            ours.loss(inputs, samples),
            plain_iteration(plain, inputs, samples, iteration)[0],
        )
        for optimizer, terms in zip(optimizers, losses):
            optimizer.zero_grad()
            total(terms).backward()
            optimizer.step()
    for (name, p), q in zip(ours.named_parameters(), plain.parameters()):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12, msg=name)
        steps = [o.state[r]['step'] for o, r in zip(optimizers, (p, q))]
        assert steps[0] == steps[1] == 6, name


def test_before_the_switch_only_the_classifier_works(monkeypatch):
    model = build(toy_mutual(backbone='mit'))
    calls = []
    monkeypatch.setattr(model.decode_head, 'forward', lambda x: calls.append('decoder'))
    monkeypatch.setattr(model.affinity_head, 'forward', lambda x: calls.append('affinity'))
    encode = model.backbone.forward
    monkeypatch.setattr(
        model.backbone, 'forward', lambda x: calls.append(len(x)) or encode(x)
    )
    set_iteration(CLS)
    losses = model.loss(*tagged_batch())
    total(losses).backward()
    assert calls == [3]
    for p in [*model.decode_head.parameters(), *model.affinity_head.parameters()]:
        assert p.grad.abs().max() == 0
    assert losses['loss_c2s'] == losses['loss_s2c'] == losses['loss_aff'] == 0


@pytest.mark.parametrize('paddings', [None, PADDINGS])
def test_one_affinity_per_image(monkeypatch, paddings):
    images = []
    compute = PixelAdaptiveRefinement.affinity
    monkeypatch.setattr(
        PixelAdaptiveRefinement,
        'affinity',
        lambda self, new, sizes=None: images.append(len(new)) or compute(self, new, sizes),
    )
    model = build(toy_mutual(backbone='mit'))
    set_iteration(BSP)
    model.loss(*tagged_batch(paddings=paddings))
    # Both label makers: the second needs new affinities of the two padded images only.
    assert images == ([3] if paddings is None else [3, 2])


@pytest.mark.parametrize('backbone', ['mit', 'conv'])
def test_low_precision_of_the_pass_without_gradient(backbone, monkeypatch):
    """Labels change by rounding, the training itself stays in float32."""
    monkeypatch.setattr(low_precision, 'has_bfloat16', lambda device_type: True)
    model = build(toy_mutual(backbone=backbone))
    set_iteration(BSP)
    inputs, samples = tagged_batch()
    tags = stack_tags(samples, model.cam_head.num_foreground)
    boxes = torch.tensor([[0, inputs.shape[2], 0, inputs.shape[3]]] * len(inputs))
    arguments = inputs, None, tags, boxes, BSP
    model.low_precision = False
    expected = model.cam_labels(*arguments)
    model.low_precision = True
    labels = model.cam_labels(*arguments)
    for ours, theirs in zip(labels, expected):
        if theirs is not None:
            assert (ours == theirs).float().mean() > 0.9
    losses = model.loss(inputs, samples)
    assert all(value.dtype != torch.bfloat16 for value in losses.values())
    total(losses).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_low_precision_where_the_machine_has_none(monkeypatch):
    """Emulated, the pass takes ten times as long: it stays in float32."""
    told = []
    monkeypatch.setattr(low_precision, 'has_bfloat16', lambda device_type: False)
    monkeypatch.setattr(low_precision, 'print_log', lambda text, *_: told.append(text))
    low_precision._tell.cache_clear()
    model = build(toy_mutual(low_precision=True))
    for _ in range(2):
        with model._pass_precision('cpu'):
            assert not torch.is_autocast_enabled('cpu')
    assert told == ['low_precision has no effect: this cpu has no bfloat16']


@pytest.mark.parametrize('unit, expected', [('avx512_bf16', True), ('avx512_f', False)])
def test_avx_512_alone_is_no_bfloat16(unit, expected, monkeypatch):
    found = dict.fromkeys([*low_precision.X86_UNITS, 'avx512_f'], False) | {unit: True}
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: found, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: True)
    assert low_precision._cpu_has_bfloat16() is expected


def test_background_channel_alone():
    model = build(toy_mutual(backbone='mit'))
    features = model.extract_feat(tagged_batch()[0])
    expected = model.decode_head(features)[:, :1]
    torch.testing.assert_close(background_logits(model.decode_head, features), expected)


@pytest.mark.parametrize('norm', [dict(type='BN'), None])
def test_lean_decoder_is_mmsegs(norm):
    head = toy_mutual(backbone='mit')['decode_head']
    head['norm_cfg'] = norm
    lean = MODELS.build(head)
    stock = MODELS.build(dict(head, type='SegformerHead'))
    for p in lean.parameters():
        torch.nn.init.normal_(p)
    stock.load_state_dict(lean.state_dict(), strict=True)
    sizes = ((8, 12, 10), (16, 6, 5), (16, 3, 3), (32, 3, 3))
    features = [torch.randn(2, *size) for size in sizes]
    expected, found = stock(features), lean(features)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    for logits in (expected, found):
        logits.square().mean().backward()
    for a, b in zip(lean.parameters(), stock.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-3)


def test_packed_labels_match_the_published_arrays(reference):
    images, cams = reference['images'], reference['cams']
    classes = PresentClasses.from_tags(reference['image_tags'], 'cpu')
    index = classes.classes[:, :, None, None].expand(-1, -1, *cams.shape[2:])
    par, propagated = make_cam_labels(
        images,
        cams.gather(1, index),
        reference['seg_scores'][:, 0],
        classes,
        reference['valid_box_y0y1x0x1'].long(),
        LabelOptions(),
    )
    assert (par == reference['par_label']).float().mean() > 0.999
    assert (propagated == reference['bsp_label']).float().mean() > 0.999
