import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.refinement import (
    DenseCRFRefinement,
    LabelRule,
    PixelAdaptiveRefinement,
    build_refinement,
    dense_crf,
    heterogeneous_label,
    restrict_probabilities,
)
from mmseg_weak.refinement.class_restriction import restrict_logits


def slow_restrict(pixel, classes, rule):
    """Probabilities of one pixel as a list."""
    pixel = [p ** (1 / rule.temperature) for p in pixel]
    pixel = [p / sum(pixel) for p in pixel]
    if rule.class_restriction is None or not any(classes):
        classes = [True] * len(pixel)
    classes = [True, *classes[1:]]  # background is everywhere
    kept = [p if present else 0.0 for p, present in zip(pixel, classes)]
    if rule.class_restriction == 'foreground':
        foreground, whole = sum(kept[1:]), sum(pixel[1:])
        if foreground > 0:
            kept[1:] = [p * whole / foreground for p in kept[1:]]
    kept[0] *= rule.background_prior
    total = sum(kept)
    return [p / total if total else 0.0 for p in kept]


def slow_label(probs, classes, clicks, images, rule, refine):
    """Pixel by pixel; only the refinement is shared, as a black box."""
    n, _, height, width = probs[0].shape
    used = probs[:1] if rule.fusion == 'single' else probs
    scores = torch.zeros_like(probs[0])
    agreed = {}
    for i, y, x in np.ndindex(n, height, width):
        pixels = [p[i, :, y, x].tolist() for p in probs]
        mean = [sum(values) / len(used) for values in zip(*pixels[: len(used)])]
        present = classes[i].tolist()
        scores[i, :, y, x] = torch.tensor(slow_restrict(mean, present, rule)).to(scores)
        restricted = [slow_restrict(pixel, present, rule) for pixel in pixels]
        agreed[i, y, x] = len({p.index(max(p)) for p in restricted}) == 1
    if refine is not None:
        scores = refine(images, scores)
    labels = torch.full_like(clicks, 255)
    for i, y, x in np.ndindex(n, height, width):
        pixel = scores[i, :, y, x].tolist()
        best = max(pixel)
        confident = best > 0 and best / sum(pixel) >= rule.threshold
        if confident and (rule.fusion != 'agree' or agreed[i, y, x]):
            labels[i, y, x] = pixel.index(best)
        if clicks[i, y, x] != 255:
            labels[i, y, x] = clicks[i, y, x]
    return labels


@st.composite
def batches(draw):
    n, c = draw(st.integers(1, 2)), draw(st.integers(2, 4))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    peers = draw(st.integers(1, 3))
    probs = [(3 * rand(n, c, height, width)).softmax(dim=1) for _ in range(peers)]
    classes = rand(n, c) > 0.5
    classes[:, 0] |= classes.any(dim=1)  # an image without a class stays without
    clicks = (rand(n, height, width) * c).long()
    clicks[rand(n, height, width) > 0.2] = 255
    return probs, classes, clicks, rand(n, 3, height, width)


@given(
    batches(),
    st.sampled_from(['single', 'mean', 'agree']),
    st.sampled_from([None, 'renormalise', 'foreground']),
    st.sampled_from([0.0, 0.4, 0.7, 1.0]),
    st.sampled_from([1.0, 0.5]),
    st.sampled_from([1.0, 2.5]),
    st.sampled_from([None, PixelAdaptiveRefinement((1, 2), 2)]),
)
@settings(max_examples=60, deadline=None)
def test_equals_a_loop_over_pixels(
    batch, fusion, restriction, threshold, prior, temperature, refine
):
    rule = LabelRule(fusion, threshold, restriction, prior, temperature=temperature)
    probs, classes, clicks, images = batch
    before = [value.clone() for value in probs]
    labels = heterogeneous_label(probs, classes, clicks, images, rule, refine).labels
    expected = slow_label(probs, classes, clicks, images, rule, refine)
    assert labels.dtype == torch.int64
    assert labels.tolist() == expected.tolist()
    for value, copy in zip(probs, before):
        assert torch.equal(value, copy), 'inputs are not changed'


@pytest.mark.parametrize('mode', ['renormalise', 'foreground'])
def test_probability_form_equals_the_form_on_logits(mode):
    torch.manual_seed(0)
    logits = 3 * torch.randn(3, 5, 4, 4, dtype=torch.float64)
    classes = torch.tensor(
        [[1, 0, 1, 0, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=torch.bool
    )
    expected = restrict_logits(logits, classes, mode, 0.3).softmax(dim=1)
    result = restrict_probabilities(logits.softmax(dim=1), classes, mode, 0.3)
    torch.testing.assert_close(result, expected)


def simple(n=1, c=3, size=(4, 5), value=1 / 3):
    return dict(
        probs=[torch.full((n, c, *size), value)],
        image_classes=torch.ones(n, c, dtype=torch.bool),
        clicks=torch.full((n, *size), 255),
        images=torch.rand(n, 3, *size),
    )


REFINEMENTS = [dict(type='PixelAdaptiveRefinement'), dict(type='dense_crf')]


@pytest.mark.parametrize('config', REFINEMENTS)
@pytest.mark.parametrize('size', [(1, 1), (6, 7)])
def test_single_colour_and_single_pixel(config, size):
    batch = simple(size=size)
    batch['images'].fill_(0.5)
    batch['probs'][0][:, [0, 2]] = 0.1
    batch['probs'][0][:, 1] = 0.8
    rule = LabelRule(threshold=0.75)
    result = heterogeneous_label(**batch, rule=rule, refine=build_refinement(config))
    assert (result.labels == 1).all()
    torch.testing.assert_close(result.scores.sum(dim=1), torch.ones(1, *size))


def test_probability_0_in_all_remaining_classes_gives_no_label():
    batch = simple(value=0.0)
    batch['probs'][0][:, 2] = 1
    batch['image_classes'][:, 2] = False
    assert (heterogeneous_label(**batch, rule=LabelRule(threshold=0)).labels == 255).all()


def test_nothing_is_read_or_labelled_outside_the_valid_area():
    torch.manual_seed(0)
    batch = simple(n=2, size=(9, 8))
    batch['probs'] = [torch.rand(2, 3, 9, 8).softmax(dim=1) for _ in range(2)]
    sizes, rule = torch.tensor([[9, 5], [4, 8]]), LabelRule(threshold=0.35)
    for config in REFINEMENTS:
        refine = build_refinement(config)
        labels = heterogeneous_label(**batch, rule=rule, refine=refine, sizes=sizes).labels
        for i, (height, width) in enumerate(sizes.tolist()):
            window = (slice(i, i + 1), ..., slice(height), slice(width))
            alone = heterogeneous_label(
                [value[window] for value in batch['probs']],
                batch['image_classes'][i : i + 1],
                batch['clicks'][window],
                batch['images'][window],
                rule,
                refine,
            ).labels
            assert torch.equal(labels[i, :height, :width], alone[0])
            assert (labels[i, height:] == 255).all() and (labels[i, :, width:] == 255).all()


def test_dense_crf_sees_the_classes_present_only():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    probs = rng.random((4, 12, 10)).astype(np.float32)
    probs[2] = 0
    probs /= probs.sum(axis=0)
    refine = DenseCRFRefinement(num_iters=3)
    images = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    result = refine(images, torch.from_numpy(probs)[None])[0].numpy()
    expected = dense_crf(image, probs[[0, 1, 3]], num_iters=3)
    np.testing.assert_array_equal(result[[0, 1, 3]], expected)
    assert not result[2].any()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(probs=[]), 'at least one peer'),
        (
            dict(probs=[torch.ones(1, 3, 4, 5), torch.ones(1, 4, 4, 5)]),
            'peer 1 has 4',
        ),
        (dict(probs=[torch.ones(1, 3, 4, 5), torch.ones(1, 3, 4, 4)]), 'peer 1 must be'),
        (dict(probs=[torch.full((1, 3, 4, 5), math.nan)]), 'peer 0: .* not finite'),
        (dict(probs=[torch.full((1, 3, 4, 5), math.inf)]), 'peer 0: .* not finite'),
        (dict(probs=[torch.full((1, 3, 4, 5), -2.0)]), 'logits'),
        (dict(probs=[torch.ones(1, 3, 4, 5).long()]), 'floating point'),
        (dict(clicks=torch.zeros(1, 4, 4).long()), 'clicks must be'),
        (dict(images=torch.zeros(1, 3, 5, 5)), 'images must be'),
        (dict(image_classes=torch.ones(1, 2).bool()), 'image_classes must be'),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        heterogeneous_label(**dict(simple(), **change), rule=LabelRule())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(fusion='vote'), 'unknown fusion'),
        (dict(threshold=1.1), 'threshold must be in'),
        (dict(threshold=-0.1), 'threshold must be in'),
        (dict(threshold=math.nan), 'threshold must be in'),
        (dict(class_restriction=True), 'class_restriction must be'),
        (dict(background_prior=0), 'background_prior must be'),
        (dict(temperature=0), 'temperature must be'),
        (dict(class_restriction='foreground', background=None), 'background class'),
    ],
)
def test_bad_rules_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        LabelRule(**options)


@pytest.mark.parametrize(
    'config',
    [
        dict(type='crf'),
        dict(num_iters=3),
        dict(type='dense_crf', radius=3),
        dict(type='PixelAdaptiveRefinement', steps=3),
        dict(type='PixelAdaptiveRefinement', dilations=()),
    ],
)
def test_bad_refinements_are_named(config):
    with pytest.raises(ValueError, match='refinement|option|dilations'):
        build_refinement(config)


@pytest.mark.parametrize('mode', ['renormalise', 'foreground'])
def test_background_need_not_be_listed(mode):
    probs = torch.rand(2, 3, 4, 5).softmax(dim=1)
    clicked = torch.tensor([[False, True, False], [False, False, True]])
    listed = clicked | torch.tensor([True, False, False])
    torch.testing.assert_close(
        restrict_probabilities(probs, clicked, mode),
        restrict_probabilities(probs, listed, mode),
    )
    without = restrict_probabilities(probs, clicked, background=None)
    assert (without[0, 1] == 1).all() and (without[0, 0] == 0).all()


def test_a_refinement_by_its_name_alone_is_refused():
    with pytest.raises(ValueError, match="is dict.type=.*got 'dense_crf'"):
        build_refinement('dense_crf')
