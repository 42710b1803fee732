import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmseg.registry import TRANSFORMS

from mmseg_weak.datasets.transforms import (
    LoadClicks,
    PackWeakSegInputs,
    PhotometricViews,
    RandomGaussianBlur,
    RasterizeClicks,
)

STRONG = [
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomGrayscale', prob=0.5, keep_channels=True),
    dict(type='RandomGaussianBlur'),
]


@pytest.fixture
def results():
    generator = np.random.default_rng(0)
    img = generator.integers(0, 256, (12, 10, 3), np.uint8)
    results = dict(
        img=img,
        img_path='a.jpg',
        img_id='a',
        img_shape=img.shape[:2],
        clicks=np.array([[1, 2], [3.5, 4.5]], np.float32),
        click_labels=np.array([2, 0]),
        seg_fields=[],
    )
    return Compose([LoadClicks(), RasterizeClicks()])(results)


def test_strong_view_differs_in_colour_only(results):
    img, seg_map = results['img'].copy(), results['gt_seg_map'].copy()
    np.random.seed(0)
    out = PhotometricViews(strong=STRONG)(results)
    assert (out['img'] == img).all()
    assert (out['gt_seg_map'] == seg_map).all()
    assert out['img_strong'].shape == img.shape
    assert out['img_strong'].dtype == img.dtype
    assert (out['img_strong'] != img).any()


def test_weak_view_has_its_own_transforms(results):
    img = results['img'].copy()
    gray = dict(type='RandomGrayscale', prob=1.0, keep_channels=True)
    blur = dict(type='RandomGaussianBlur', prob=1.0)
    out = PhotometricViews(strong=[blur], weak=[gray])(results)
    assert (out['img'] == out['img'][..., :1]).all()
    # The strong view starts from the image, not from the weak view.
    np.random.seed(0)
    again = PhotometricViews(strong=[blur])(dict(img=img))['img_strong']
    np.random.seed(0)
    out = PhotometricViews(strong=[blur], weak=[gray])(dict(img=img))
    assert (out['img_strong'] == again).all()


@pytest.mark.parametrize(
    'transform',
    [
        dict(type='RandomFlip', prob=0.5),
        dict(type='Resize', scale=(5, 5)),
        dict(type='RandomApply', transforms=[dict(type='RandomRotate', prob=1, degree=9)]),
    ],
)
def test_geometry_is_refused(transform):
    with pytest.raises(ValueError, match='moves pixels'):
        PhotometricViews(strong=[transform])


def test_change_of_shape_is_refused(results):
    flat = dict(type='RandomGrayscale', prob=1.0, keep_channels=False)
    with pytest.raises(ValueError, match=r'\(12, 10, 3\) into \(12, 10\)'):
        PhotometricViews(strong=[flat])(results)


def test_views_need_a_strong_transform():
    with pytest.raises(ValueError, match='strong'):
        PhotometricViews(strong=[])


def test_blur_smooths_and_keeps_the_mean():
    img = np.random.default_rng(0).integers(0, 256, (64, 64, 1), np.uint8)
    out = RandomGaussianBlur(prob=1.0, sigma=(2, 2))(dict(img=img))['img']
    assert out.shape == img.shape
    assert out.std() < img.std() / 4
    assert abs(out.mean() - img.mean()) < 2
    assert (RandomGaussianBlur(prob=0.0)(dict(img=img))['img'] == img).all()
    for options in (dict(prob=1.1), dict(sigma=(0, 1)), dict(sigma=(2, 1))):
        with pytest.raises(ValueError):
            RandomGaussianBlur(**options)


def test_pack_one_view(results):
    img = results['img'].copy()
    packed = PackWeakSegInputs()(results)
    assert set(packed) == {'inputs', 'data_samples'}
    assert (packed['inputs'].numpy() == img.transpose(2, 0, 1)).all()
    sample = packed['data_samples']
    assert sample.img_id == 'a'
    assert sample.image_classes == (2,)
    assert sample.clicks.tolist() == [[1.5, 2.5], [3.5, 4.5]]
    assert sample.clicks.dtype == np.float32
    for (x, y), label in zip(sample.clicks, sample.click_labels):
        assert sample.gt_sem_seg.data[0, int(y), int(x)] == label
    assert (sample.gt_sem_seg.data != 255).sum() == 2


def test_pack_two_views(results):
    np.random.seed(0)
    results = PhotometricViews(strong=STRONG)(results)
    strong, weak = results['img_strong'].copy(), results['img'].copy()
    packed = PackWeakSegInputs()(results)
    assert packed['inputs'].dtype == packed['inputs_teacher'].dtype == torch.uint8
    assert (packed['inputs'].numpy() == strong.transpose(2, 0, 1)).all()
    assert (packed['inputs_teacher'].numpy() == weak.transpose(2, 0, 1)).all()
    batch = pseudo_collate([packed, packed])
    assert len(batch['inputs_teacher']) == len(batch['data_samples']) == 2


def test_pack_equals_mmseg_without_clicks():
    img = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    results = dict(img=img, gt_seg_map=img[..., 0], img_path='a', img_shape=(4, 5))
    ours = PackWeakSegInputs()(dict(results))
    stock = TRANSFORMS.build(dict(type='PackSegInputs'))(dict(results))
    assert (ours['inputs'] == stock['inputs']).all()
    ours, stock = ours['data_samples'], stock['data_samples']
    assert (ours.gt_sem_seg.data == stock.gt_sem_seg.data).all()
    assert ours.metainfo == stock.metainfo
