import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_weak.models.seminar.consistency import (
    image_class_mask,
    refine_logits,
    unlabelled_mask,
)
from mmseg_weak.refinement import PixelAdaptiveRefinement
from mmseg_weak.refinement.class_restriction import restrict_logits


def sample(**metainfo):
    data_sample = SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 4, 6)))
    data_sample.set_metainfo(metainfo)
    return data_sample


def test_classes_of_an_image_are_its_clicks_and_background():
    samples = [
        sample(image_classes=(2, 3)),
        sample(image_classes=(0,)),
        sample(image_classes=()),
    ]
    mask = image_class_mask(samples, 4)
    assert mask.tolist() == [
        [True, False, True, True],
        [True, False, False, False],
        [True, True, True, True],
    ]
    assert image_class_mask(samples[:1], 4, background=None).tolist()[0][0] is False


def test_missing_image_classes_are_named():
    with pytest.raises(ValueError, match=r'a\.jpg has no image_classes.*LoadClicks'):
        image_class_mask([sample(img_path='a.jpg')], 3)


def test_restriction_renormalises():
    logits = torch.randn(2, 4, 3, 3)
    classes = torch.tensor([[True, False, True, True], [True, True, True, True]])
    restricted = restrict_logits(logits, classes).softmax(1)
    expected = logits.softmax(1) * classes[:, :, None, None]
    torch.testing.assert_close(restricted, expected / expected.sum(1, keepdim=True))


def test_foreground_restriction_keeps_the_background_probability():
    logits = torch.randn(3, 4, 3, 3)
    classes = torch.tensor(
        [[True, False, True, True], [True, True, True, True], [True, False, False, False]]
    )
    full = logits.softmax(1)
    restricted = restrict_logits(logits, classes, 'foreground').softmax(1)
    torch.testing.assert_close(restricted[:2, 0], full[:2, 0])
    torch.testing.assert_close(restricted[1], full[1])
    share = full[0, 2:] / full[0, 2:].sum(0)
    torch.testing.assert_close(restricted[0, 2:], share * (1 - full[0, 0]))
    assert restricted[0, 1].max() == 0
    assert (restricted[2, 0] == 1).all()


def test_prior_scales_the_odds():
    logits = torch.randn(2, 4, 3, 3)
    expected = logits.softmax(1)
    expected[:, 0] *= 0.3
    expected /= expected.sum(1, keepdim=True)
    torch.testing.assert_close(
        restrict_logits(logits, None, None, 0.3).softmax(1), expected
    )


def test_refinement_of_logits_equals_refinement_of_probabilities():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 32, 48, generator=generator)
    logits = torch.randn(2, 4, 8, 12, generator=generator)
    logits[0, 2] = -float('inf')
    refine = PixelAdaptiveRefinement(dilations=(1, 2), num_iters=3)
    refined = refine_logits(logits, images, refine).softmax(1)
    small = F.avg_pool2d(images, 4)
    expected = refine(small, logits.softmax(1))
    torch.testing.assert_close(refined, expected / expected.sum(1, keepdim=True))
    assert refined[0, 2].max() == 0
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.1])
    normalised = (images - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(
        refine_logits(logits, normalised, refine).softmax(1), refined
    )


@pytest.mark.parametrize('size', [(8, 12), (4, 6), (2, 3), (3, 5)])
def test_unlabelled_cells_hold_neither_click_nor_padding(size):
    labels = torch.full((2, 8, 12), 255)
    labels[0, 5, 7] = 1
    samples = [sample(img_shape=(8, 12)), sample(img_shape=(6, 9))]
    mask = unlabelled_mask(labels, samples, size)
    taken = labels != 255
    taken[1, 6:] = True
    taken[1, :, 9:] = True
    for n in range(2):
        for i in range(size[0]):
            for j in range(size[1]):
                rows = slice(i * 8 // size[0], -(-(i + 1) * 8 // size[0]))
                columns = slice(j * 12 // size[1], -(-(j + 1) * 12 // size[1]))
                assert mask[n, i, j] == (not taken[n, rows, columns].any())
    assert (labels == 255).sum() == 8 * 12 * 2 - 1, 'the labels were written to'
