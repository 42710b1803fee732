"""One registry and one interface; a refinement from outside the package."""

import pytest
import torch
from toy import toy_model

from mmseg_weak.models import HeterogeneousPseudoLabelHead, TeacherConsistency
from mmseg_weak.models.inputs.image_values import to_unit_rgb
from mmseg_weak.refinement import (
    ImageByImage,
    LabelRule,
    PixelAdaptiveRefinement,
    build_refinement,
    heterogeneous_label,
    refine_scores,
)
from mmseg_weak.refinement.cam_label import CamLabelRule
from mmseg_weak.registry import REFINEMENTS


class Darken:
    """Class 1 wherever the image is dark; what a user writes."""

    def __init__(self, below=0.5):
        self.below = below

    def __call__(self, images, scores, sizes=None):
        dark = images.mean(dim=1) < self.below
        return torch.stack([~dark, dark, dark & False], dim=1).to(scores)


class ClickedClass(ImageByImage):
    """The class of the only click, everywhere."""

    needs = ('clicks', 'image_ids')

    def refine_image(self, image, scores, clicks, image_ids):
        assert image_ids == ['b'] and clicks.shape[1:] == image.shape[2:]
        only = clicks[clicks != 255].item()
        return torch.zeros_like(scores).index_fill_(1, torch.tensor(only), 1.0)


@pytest.fixture
def registered():
    for kind in (Darken, ClickedClass):
        REFINEMENTS.register_module(module=kind, force=True)
    yield
    for kind in (Darken, ClickedClass):
        del REFINEMENTS.module_dict[kind.__name__]


def batch(size=(6, 8)):
    images = torch.rand(1, 3, *size)
    probs = torch.rand(1, 3, *size).softmax(dim=1)
    clicks = torch.full((1, *size), 255)
    clicks[0, 1, 2] = 2
    return images, probs, clicks, torch.ones(1, 3, dtype=torch.bool)


def test_a_refinement_from_outside_in_head_teacher_and_label_making(registered):
    images, probs, clicks, classes = batch()
    config = dict(type='Darken', below=0.4)
    expected = torch.where(images.mean(dim=1) < 0.4, 1, 0)
    head = HeterogeneousPseudoLabelHead(refinement=config)
    labels = head.pseudo_label([probs], classes, clicks, images).labels
    assert torch.equal(labels, torch.where(clicks == 255, expected, clicks))

    (step,) = CamLabelRule(steps=(config,)).build_steps()
    found = CamLabelRule().label(images, probs[0, :2], [1, 2], 0.5, [step])
    assert torch.equal(found, expected[0])

    loss = dict(type='PixelConsistencyLoss')
    teacher = TeacherConsistency(loss, refinement=config)
    from mmseg.registry import MODELS

    preprocessor = MODELS.build(toy_model()['data_preprocessor'])
    inputs = 3 * torch.randn(1, 3, 6, 8)
    logits = teacher.adapt(probs.log(), inputs, clicks, [], preprocessor)
    seen = to_unit_rgb(inputs, preprocessor).mean(dim=1) < 0.4
    assert torch.equal(logits.argmax(dim=1), seen.long())


def test_clicks_and_names_reach_who_needs_them(registered):
    images, probs, clicks, classes = batch()
    refine = build_refinement(dict(type='ClickedClass'))
    given = dict(rule=LabelRule(), refine=refine, sizes=torch.tensor([[4, 5]]))
    labels = heterogeneous_label(
        [probs], classes, clicks, images, **given, image_ids=['b']
    ).labels
    assert (labels[0, :4, :5] == 2).all() and (labels[0, 4:] == 255).all()
    with pytest.raises(ValueError, match='ClickedClass needs image_ids'):
        heterogeneous_label([probs], classes, clicks, images, **given)
    with pytest.raises(ValueError, match='ClickedClass needs clicks'):
        refine_scores(refine, images, probs, image_ids=['b'])


def test_the_teacher_gets_the_clicks_of_its_cells():
    class Keep:
        needs = ('clicks',)

        def __call__(self, images, scores, sizes=None, clicks=None):
            self.clicks = clicks
            return scores

    keep, (images, probs, clicks, _) = Keep(), batch()
    teacher = TeacherConsistency(dict(type='PixelConsistencyLoss'), refinement=keep)
    teacher.adapt(probs[:, :, :3, :4].log(), images, clicks, [], None)
    expected = torch.full((1, 3, 4), 255)
    expected[0, 0, 1] = 2
    assert torch.equal(keep.clicks, expected)


def test_teacher_without_a_type_is_pixel_adaptive():
    loss, options = dict(type='PixelConsistencyLoss'), dict(dilations=(1, 2), num_iters=3)
    for config in (options, dict(type='PixelAdaptiveRefinement', **options)):
        refine = TeacherConsistency(loss, refinement=config).refine
        assert isinstance(refine, PixelAdaptiveRefinement) and refine.num_iters == 3


def test_areas_are_refined_alone():
    images, scores = torch.rand(2, 3, 9, 8), torch.rand(2, 2, 9, 8)
    sizes = torch.tensor([[9, 5], [4, 8]])
    refine = PixelAdaptiveRefinement((1, 2), 2)
    plain = refine_scores(lambda image, score: refine(image, score), images, scores, sizes)
    whole = refine_scores(refine, images, scores, sizes)
    for i, (h, w) in enumerate(sizes.tolist()):
        torch.testing.assert_close(plain[i, :, :h, :w], whole[i, :, :h, :w])
        assert not plain[i, :, h:].any() and not plain[i, :, :, w:].any()
