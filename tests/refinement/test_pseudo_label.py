import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.refinement import (
    PixelAdaptiveRefinement,
    background_aware_label,
    par_label,
    segmentation_label,
)

REFINE = PixelAdaptiveRefinement((1, 2, 5), 3)


def resize(maps, size, align_corners=False):
    return F.interpolate(maps, size=size, mode='bilinear', align_corners=align_corners)


def slow_par_label(images, cams, tags, boxes, low, high):
    """One image, one threshold at a time."""
    n, _, height, width = cams.shape
    half = (max(1, height // 2), max(1, width // 2))
    result = torch.full((n, height, width), 255)
    for i, (y0, y1, x0, x1) in enumerate(boxes.tolist()):
        classes = [0] + [c + 1 for c in range(tags.shape[1]) if tags[i, c]]
        labels = []
        for threshold in (high, low):
            background = torch.full_like(cams[i : i + 1, :1], threshold)
            scores = torch.cat([background, cams[i : i + 1]], dim=1)[:, classes]
            scores = resize(scores, half).softmax(dim=1)
            scores = REFINE(resize(images[i : i + 1], half), scores)
            best = resize(scores, (height, width)).argmax(dim=1)[0]
            labels.append(torch.tensor(classes)[best])
        label = labels[0].clone()
        label[labels[0] == 0] = 255
        label[(labels[0] == 0) & (labels[1] == 0)] = 0
        result[i, y0:y1, x0:x1] = label[y0:y1, x0:x1]
    return result


def slow_background_aware(images, background, cams, tags, boxes, threshold):
    """One image at a time."""
    n, c, height, width = cams.shape
    scores = torch.zeros(n, c + 1, height, width, dtype=cams.dtype)
    for i, (y0, y1, x0, x1) in enumerate(boxes.tolist()):
        if y1 <= y0 or x1 <= x0:
            continue
        classes = [0] + [c + 1 for c in range(tags.shape[1]) if tags[i, c]]
        maps = torch.cat([background[i][None, None], cams[i : i + 1]], dim=1)
        maps = maps[:, classes, y0:y1, x0:x1]
        half = (max(1, (y1 - y0) // 2), max(1, (x1 - x0) // 2))
        image = resize(images[i : i + 1, :, y0:y1, x0:x1], half)
        refined = resize(REFINE(image, resize(maps, half, True)), (y1 - y0, x1 - x0))
        for k, channel in enumerate(classes):
            scores[i, channel, y0:y1, x0:x1] = refined[0, k]
    best, labels = scores.max(dim=1)
    labels[best < threshold] = 255
    return scores, labels


@st.composite
def batches(draw):
    """Images, background, CAMs, tags and boxes that differ between the images."""
    n, c = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    height, width = draw(st.integers(1, 17)), draw(st.integers(1, 17))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    images = torch.rand(n, 3, height, width, generator=generator)
    background = torch.rand(n, height, width, generator=generator)
    cams = torch.rand(n, c, height, width, generator=generator)
    tags = torch.rand(n, c, generator=generator) > 0.5
    boxes = []
    for _ in range(n):
        y0, x0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        y1, x1 = draw(st.integers(y0, height)), draw(st.integers(x0, width))
        boxes.append((y0, y1, x0, x1))
    return images, background, cams, tags, torch.tensor(boxes)


def test_par_label_matches_the_published_array(reference):
    labels = par_label(
        reference['images'],
        reference['cams'],
        reference['image_tags'],
        reference['valid_box_y0y1x0x1'],
        PixelAdaptiveRefinement(),
    )
    agreement = (labels == reference['par_label']).double().mean()
    assert labels.dtype == torch.long and agreement >= 0.999


def test_background_aware_label_matches_the_published_arrays(reference):
    scores, labels = background_aware_label(
        reference['images'],
        reference['seg_scores'][:, 0],
        reference['cams'],
        reference['image_tags'],
        reference['valid_box_y0y1x0x1'],
        PixelAdaptiveRefinement(),
    )
    torch.testing.assert_close(scores, reference['bsp_scores'], atol=1e-4, rtol=0)
    assert (labels == reference['bsp_label']).double().mean() >= 0.999


def test_segmentation_label_matches_the_published_array(reference):
    labels = segmentation_label(reference['seg_logits'], reference['valid_box_y0y1x0x1'])
    assert torch.equal(labels, reference['seg_pseudo_label'].long())


@settings(max_examples=40, deadline=None)
@given(batch=batches())
def test_par_label_equals_one_image_at_a_time(batch):
    images, _, cams, tags, boxes = batch
    labels = par_label(images, cams, tags, boxes, REFINE, 0.3, 0.6)
    expected = slow_par_label(images, cams, tags, boxes, 0.3, 0.6)
    # Rounding may flip a tie between two classes.
    assert (labels != expected).sum() <= 0.001 * labels.numel()


@settings(max_examples=40, deadline=None)
@given(batch=batches())
def test_background_aware_label_equals_one_image_at_a_time(batch):
    scores, labels = background_aware_label(*batch, REFINE, 0.5)
    expected, expected_labels = slow_background_aware(*batch, 0.5)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)
    assert (labels != expected_labels).sum() <= 0.001 * labels.numel()


def some_batch(n=2, c=6, size=(12, 14)):
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(n, 3, *size, generator=generator)
    background = torch.rand(n, *size, generator=generator)
    cams = torch.rand(n, c, *size, generator=generator)
    tags = torch.zeros(n, c)
    tags[0, 1] = tags[1, 4] = tags[1, 5] = 1
    boxes = torch.tensor([[0, 12, 0, 14], [2, 9, 3, 14]])
    return images, background, cams, tags, boxes


def test_only_present_classes_are_refined():
    images, background, cams, tags, boxes = some_batch()
    seen = []

    def refine(images, masks, sizes=None):
        seen.append(masks.shape[1])
        return REFINE(images, masks, sizes)

    par_label(images, cams, tags, boxes, refine)
    background_aware_label(images, background, cams, tags, boxes, refine)
    assert seen == [2 * (2 + 1), 2 + 1]


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_gives_the_labels_of_its_values(dtype):
    images, background, cams, tags, boxes = some_batch()
    background, cams = background.to(dtype), cams.to(dtype)
    labels = par_label(images, cams, tags, boxes, REFINE)
    assert torch.equal(labels, par_label(images, cams.float(), tags, boxes, REFINE))
    scores, _ = background_aware_label(images, background, cams, tags, boxes, REFINE)
    assert scores.dtype == torch.float32


def test_a_refinement_that_knows_of_no_areas_gives_the_same():
    batch = some_batch()
    scores, labels = background_aware_label(*batch, lambda images, m: REFINE(images, m))
    expected, expected_labels = background_aware_label(*batch, REFINE)
    torch.testing.assert_close(scores, expected)
    assert torch.equal(labels, expected_labels)


def test_no_tags_gives_background_or_unknown():
    images, background, cams, tags, boxes = some_batch()
    labels = par_label(images, cams, torch.zeros_like(tags), boxes, REFINE)
    assert set(labels[0].unique().tolist()) == {0}
    scores, labels = background_aware_label(
        images, background, cams, torch.zeros_like(tags), boxes, REFINE
    )
    assert scores[:, 1:].abs().max() == 0 and set(labels.unique().tolist()) <= {0, 255}


def test_empty_boxes_give_unknown_only():
    images, background, cams, tags, _ = some_batch()
    boxes = torch.tensor([[0, 0, 0, 0], [12, 12, 14, 14]])
    assert (par_label(images, cams, tags, boxes, REFINE) == 255).all()
    scores, labels = background_aware_label(images, background, cams, tags, boxes, REFINE)
    assert (labels == 255).all() and scores.abs().max() == 0


def test_one_class_and_one_pixel():
    one = torch.ones(1, 1, 1, 1)
    boxes, tags = torch.tensor([[0, 1, 0, 1]]), torch.ones(1, 1)
    image = torch.full((1, 3, 1, 1), 0.5)
    assert par_label(image, one, tags, boxes, REFINE).item() == 1
    scores, labels = background_aware_label(image, 0 * one[0], one, tags, boxes, REFINE)
    assert labels.item() == 1
    torch.testing.assert_close(scores.flatten(), torch.tensor([0, 1.01**3]))


def test_options_of_the_segmentation_label():
    logits = torch.tensor([[0.0, 2.0], [1.0, 0.5], [3.0, -1.0]]).T[None, :, None]
    boxes = torch.tensor([[0, 1, 0, 3]])
    assert segmentation_label(logits, boxes, 0.75).tolist() == [[[1, 255, 255]]]
    both = segmentation_label(logits, boxes, 0.75, with_background=True)
    assert both.tolist() == [[[1, 0, 0]]]
    sure = segmentation_label(logits, boxes, 0.75, True, with_background=True)
    assert sure.tolist() == [[[1, 255, 0]]]  # sigmoid(1) = 0.73
    with pytest.raises(ValueError, match='probability'):
        segmentation_label(logits, boxes, 1.5, threshold_on_probability=True)


def test_wrong_input_names_what_is_wrong():
    images, background, cams, tags, boxes = some_batch()
    with pytest.raises(ValueError, match='cams must cover 2 images of 12x14'):
        par_label(images, cams[..., :5], tags, boxes, REFINE)
    with pytest.raises(ValueError, match='background must cover'):
        background_aware_label(images, background[:1], cams, tags, boxes, REFINE)
    with pytest.raises(ValueError, match='tags must be'):
        par_label(images, cams, tags[:, :3], boxes, REFINE)
    with pytest.raises(ValueError, match='boxes must be'):
        par_label(images, cams, tags, boxes[:, :2], REFINE)
    with pytest.raises(ValueError, match=r'low .* must not exceed high'):
        par_label(images, cams, tags, boxes, REFINE, 0.7, 0.2)
    with pytest.raises(ValueError, match='max_classes=1 but an image has 2'):
        par_label(images, cams, tags, boxes, REFINE, max_classes=1)


def test_boxes_of_floats_are_boxes():
    *batch, boxes = some_batch()
    expected = background_aware_label(*batch, boxes, REFINE)
    for one, other in zip(background_aware_label(*batch, boxes.float(), REFINE), expected):
        assert torch.equal(one, other)
