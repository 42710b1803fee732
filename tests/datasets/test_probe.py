"""Transforms are tried, not known by name."""

import random

import mmcv
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import LoadAnnotations, RandomCrop, RandomRotate
from mmseg.registry import TRANSFORMS

from mmseg_weak.datasets import PascalVOCClickDataset
from mmseg_weak.datasets.transforms import PhotometricViews
from mmseg_weak.datasets.transforms.checks import check_click_pipeline
from mmseg_weak.datasets.transforms.probe import moves_pixels, parts_clicks

FIT = [
    dict(type='Resize', scale=(300, 150), keep_ratio=True),
    dict(type='Resize', scale=(9, 14), keep_ratio=False),
    dict(type='Resize', scale_factor=0.3),
    dict(type='Resize', scale=(30, 30), interpolation='nearest'),
    dict(type='RandomResize', scale=(400, 100), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomChoiceResize', scales=[(64, 64), (200, 120)], resize_type='Resize'),
    dict(type='ResizeShortestEdge', scale=128, max_size=512),
    dict(type='RandomFlip', prob=0.1),
    dict(type='RandomFlip', prob=[0.3, 0.3], direction=['horizontal', 'diagonal']),
    dict(type='ClickRandomCrop', crop_size=(128, 128)),
    dict(type='ClickRandomCrop', crop_size=(20, 20), min_clicks=1),
    dict(type='ClickRandomCrop', crop_size=(3, 4)),
    dict(type='Pad', size=(100, 130), pad_val=dict(img=255)),
    dict(type='RandomCutOut', prob=0.5, n_holes=3, cutout_ratio=(0.4, 0.4)),
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomGrayscale', prob=0.5, keep_channels=True),
    dict(type='RandomGaussianBlur'),
    dict(type='AdjustGamma'),
    dict(type='Normalize', mean=[120] * 3, std=[60] * 3),
    dict(type='RGB2Gray'),
    dict(type='PhotometricViews', strong=[dict(type='PhotoMetricDistortion')]),
    dict(type='RandomApply', transforms=[dict(type='RandomFlip', prob=1.0)]),
]
UNFIT = [
    (dict(type='RandomCrop', crop_size=(32, 32)), 'use ClickRandomCrop'),
    (dict(type='RandomCrop', crop_size=(512, 512)), 'use ClickRandomCrop'),
    (dict(type='CenterCrop', crop_size=(32, 32)), 'use ClickRandomCrop'),
    (dict(type='RandomRotate', prob=0.1, degree=9), 'use RandomFlip and RandomResize'),
    (dict(type='RandomRotFlip'), 'use RandomFlip and RandomResize'),
    (dict(type='ResizeToMultiple', size_divisor=32), 'use Resize'),
    (dict(type='RandomMosaic', prob=0.5), 'leaves the clicks behind'),
]


class MyCrop(RandomCrop):
    """A known transform under a name of its own."""


class Turn(RandomRotate):
    """Likewise, and rare."""

    def __init__(self):
        super().__init__(prob=0.05, degree=15)


class Upright(BaseTransform):
    """Known to nobody: portraits are turned, their clicks are not."""

    def transform(self, results):
        results['img'] = np.rot90(results['img']).copy()
        results['img_shape'] = results['img'].shape[:2]
        return results


class DropEmptyBoxes(BaseTransform):
    """As detection pipelines filter."""

    def transform(self, results):
        boxes = results['gt_bboxes']
        results['gt_bboxes'] = boxes[(boxes[:, 2] > boxes[:, 0])]
        return results


class MoveAll(BaseTransform):
    """A third-party transform that does it right."""

    def transform(self, results):
        results['img'] = mmcv.imflip(results['img'])
        boxes = results['gt_bboxes'].copy()
        width = results['img'].shape[1]
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
        results['gt_bboxes'] = boxes
        return results


class Needy(BaseTransform):
    """Needs what a probe does not have."""

    def transform(self, results):
        return {**results, 'img': results['img'] + results['something_else']}


def pipeline(*steps, before=()):
    types = dict(load=dict(type='LoadClicks'), paint=dict(type='RasterizeClicks'))
    cfgs = [*before, types['load'], *steps, types['paint']]
    return [TRANSFORMS.build(s) if isinstance(s, dict) else s for s in cfgs]


@pytest.mark.parametrize('step', FIT, ids=lambda step: step['type'])
def test_fit_transforms_pass(step):
    check_click_pipeline(pipeline(step))


@pytest.mark.parametrize(('step', 'remedy'), UNFIT, ids=lambda value: str(value)[:40])
def test_unfit_transforms_are_refused_with_the_remedy(step, remedy):
    with pytest.raises(ValueError, match=f'{step["type"]} .*{remedy}'):
        check_click_pipeline(pipeline(step))
    inside = dict(type='RandomApply', transforms=[step])
    choice = dict(type='RandomChoice', transforms=[[inside], []])
    with pytest.raises(ValueError, match=remedy):
        check_click_pipeline(pipeline(choice))


@pytest.mark.parametrize(
    ('step', 'message'),
    [
        (
            MyCrop(crop_size=(40, 40)),
            'MyCrop leaves the clicks behind; use ClickRandomCrop',
        ),
        (MyCrop(crop_size=(900, 700)), 'MyCrop leaves the clicks behind'),
        (Turn(), 'Turn leaves the clicks behind'),
        (Upright(), r"Upright parts the clicks .* move results\['gt_bboxes'\]"),
        (DropEmptyBoxes(), 'DropEmptyBoxes parts the clicks'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_do_not_matter(step, message):
    with pytest.raises(ValueError, match=message):
        check_click_pipeline(pipeline(step))


def test_a_third_party_transform_that_moves_boxes_passes():
    check_click_pipeline(pipeline(MoveAll()))
    check_click_pipeline(pipeline(Needy()))


def test_geometry_outside_the_two_steps():
    resize, flip = dict(type='Resize', scale=(30, 30)), dict(type='RandomFlip', prob=0.5)
    with pytest.raises(ValueError, match='Resize changes the image before LoadClicks'):
        check_click_pipeline(pipeline(before=[resize]))
    late = [*pipeline(), TRANSFORMS.build(flip)]
    with pytest.raises(ValueError, match='put it before RasterizeClicks'):
        check_click_pipeline(late)
    check_click_pipeline([*pipeline(), TRANSFORMS.build(dict(type='Pad', size=(99, 99)))])
    photometric = dict(type='PhotoMetricDistortion')
    check_click_pipeline(pipeline(before=[photometric]))


def test_masks_are_not_read_under_any_name():
    class MyMasks(LoadAnnotations):
        """Reads masks."""

    with pytest.raises(ValueError, match='MyMasks reads masks'):
        check_click_pipeline(pipeline(MyMasks()))


def test_a_click_data_set_refuses_a_crop_of_its_own(config):
    TRANSFORMS.register_module(module=MyCrop, force=True)
    config['pipeline'] = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadClicks'),
        dict(type='MyCrop', crop_size=(8, 8)),
        dict(type='RasterizeClicks'),
        dict(type='PackWeakSegInputs'),
    ]
    with pytest.raises(ValueError, match='MyCrop leaves .* use ClickRandomCrop'):
        PascalVOCClickDataset(**config)


def test_random_generators_and_transforms_stay_as_they_are():
    transform = TRANSFORMS.build(dict(type='RandomRotate', prob=0.1, degree=9))
    options = repr(transform)
    np.random.seed(3), random.seed(3), torch.manual_seed(3)
    expected = np.random.rand(), random.random(), torch.rand(1)
    np.random.seed(3), random.seed(3), torch.manual_seed(3)
    assert parts_clicks(transform)
    assert (np.random.rand(), random.random(), torch.rand(1)) == expected
    assert repr(transform) == options


@pytest.mark.parametrize('transform', [MyCrop(crop_size=(40, 40)), Upright(), Turn()])
def test_views_refuse_what_moves_pixels_under_any_name(transform):
    TRANSFORMS.register_module(module=type(transform), force=True)
    options = dict(crop_size=(40, 40)) if isinstance(transform, MyCrop) else {}
    step = dict(type=type(transform).__name__, **options)
    with pytest.raises(ValueError, match='moves pixels; put it before'):
        PhotometricViews(strong=[dict(type='RandomGaussianBlur')], weak=[step])


def test_photometric_steps_move_nothing():
    for name in ('PhotoMetricDistortion', 'RandomGaussianBlur', 'CLAHE', 'AdjustGamma'):
        assert not moves_pixels(TRANSFORMS.build(dict(type=name)))
    cut = dict(type='RandomCutOut', prob=1.0, n_holes=4, cutout_ratio=(0.5, 0.5))
    assert not moves_pixels(TRANSFORMS.build(cut))
