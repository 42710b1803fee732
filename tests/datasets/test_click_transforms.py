import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms import RandomFlip as MMCVRandomFlip
from mmcv.transforms import Resize as MMCVResize
from mmengine.dataset import Compose
from mmseg.datasets.transforms import RandomCrop
from mmseg.datasets.transforms import RandomFlip as MMSegRandomFlip
from mmseg.datasets.transforms import Resize as MMSegResize
from mmseg.registry import TRANSFORMS

from mmseg_weak.datasets.transforms import (
    ClickRandomCrop,
    LoadClicks,
    PackWeakSegInputs,
    RasterizeClicks,
)
from mmseg_weak.datasets.transforms.click_rows import click_xy, place_clicks

DIRECTIONS = ('horizontal', 'vertical', 'diagonal')
sizes = st.tuples(st.integers(4, 24), st.integers(4, 24))
flips = st.builds(
    lambda cls, direction: cls(prob=1.0, direction=direction),
    st.sampled_from([MMCVRandomFlip, MMSegRandomFlip]),
    st.sampled_from(DIRECTIONS),
)
crops = st.builds(ClickRandomCrop, crop_size=sizes)
resizes = st.builds(
    lambda cls, scale: cls(scale=scale, keep_ratio=False),
    st.sampled_from([MMCVResize, MMSegResize]),
    st.tuples(st.integers(6, 60), st.integers(6, 60)),
)


@st.composite
def clicks_on_image(draw):
    """Height, width and clicks anywhere in the image, whole-numbered or not."""
    height, width = draw(sizes)
    x = st.one_of(
        st.integers(0, width - 1), st.floats(0, width, exclude_max=True, width=32)
    )
    y = st.one_of(
        st.integers(0, height - 1), st.floats(0, height, exclude_max=True, width=32)
    )
    points = draw(st.lists(st.tuples(x, y), min_size=1, max_size=8))
    return height, width, np.array(points, dtype=np.float32)


def make_results(img, xy, labels=None):
    labels = np.arange(len(xy)) if labels is None else np.array(labels)
    return dict(
        img=img,
        img_shape=img.shape[:2],
        ori_shape=img.shape[:2],
        clicks=np.array(xy, dtype=np.float32).reshape(-1, 2),
        click_labels=labels,
        seg_fields=[],
    )


def pixels_of(results):
    return np.floor(click_xy(results)).astype(int)


@settings(deadline=None, max_examples=150)
@given(clicks_on_image(), st.lists(st.one_of(flips, crops), max_size=5), st.integers(0, 99))
def test_clicks_stay_on_their_pixel(case, chain, seed):
    """Each pixel carries its own number through flips and crops."""
    height, width, xy = case
    numbers = np.arange(height * width, dtype=np.float32).reshape(height, width, 1)
    source = np.floor(xy).astype(int)
    expected = {n: numbers[row, column, 0] for n, (column, row) in enumerate(source)}
    np.random.seed(seed)
    results = Compose([LoadClicks(), *chain])(make_results(numbers.copy(), xy))
    image = results['img'].reshape(results['img'].shape[:2])
    found = {
        label: image[row, column]
        for label, (column, row) in zip(results['click_labels'], pixels_of(results))
    }
    assert found == {n: v for n, v in expected.items() if v in image}


def test_click_on_the_edge_of_a_crop_stays_inside_when_mirrored():
    """A resize may leave a click exactly between two pixels, where a crop may begin."""
    for direction in ('horizontal', 'vertical'):
        results = LoadClicks()(make_results(np.zeros((4, 4, 3), np.uint8), [[1.5, 1.5]]))
        place_clicks(results, np.zeros((1, 2)))
        results = ClickRandomCrop((4, 4))(results)
        assert pixels_of(results).tolist() == [[0, 0]]
        results = MMSegRandomFlip(prob=1.0, direction=direction)(results)
        assert pixels_of(results).max() == 3


@settings(deadline=None, max_examples=150)
@given(
    clicks_on_image(),
    st.lists(st.one_of(flips, crops), max_size=3),
    resizes,
    st.lists(st.one_of(flips, crops), max_size=3),
    st.integers(0, 99),
)
def test_clicks_follow_resizes(case, before, resize, after, seed):
    """Every pixel holds its own centre; interpolation keeps linear functions exact."""
    height, width, xy = case
    rows, columns = np.mgrid[:height, :width] + 0.5
    img = np.stack([columns, rows], axis=-1).astype(np.float32)
    np.random.seed(seed)
    results = Compose([LoadClicks(), *before])(make_results(img, xy))
    # The resize repeats the outermost pixels, so values stop at their centres.
    low = results['img'].min((0, 1))
    high = results['img'].max((0, 1))
    results = Compose([resize, *after])(results)
    reach = 0.5 / np.array(results['scale_factor']) + 1 / 32
    for label, (column, row) in zip(results['click_labels'], pixels_of(results)):
        source = xy[label] + np.where(xy[label] == np.floor(xy[label]), 0.5, 0)
        distance = np.abs(results['img'][row, column] - source.clip(low, high))
        assert (distance <= reach + 1e-3).all()


@settings(deadline=None, max_examples=60)
@given(clicks_on_image(), st.lists(st.one_of(flips, resizes), max_size=6))
def test_no_click_is_lost_without_a_crop(case, chain):
    height, width, xy = case
    results = make_results(np.zeros((height, width, 3), np.uint8), xy)
    results = Compose([LoadClicks(), *chain])(results)
    assert len(click_xy(results)) == len(results['click_labels']) == len(xy)
    inside = (click_xy(results) >= 0) & (click_xy(results) < results['img'].shape[1::-1])
    assert inside.all()


def test_whole_numbers_move_to_the_pixel_centre():
    results = make_results(np.zeros((5, 6, 3), np.uint8), [[2, 3], [2.25, 3.75]])
    assert click_xy(LoadClicks()(results)).tolist() == [[2.5, 3.5], [2.25, 3.75]]


def test_load_clicks_drops_outside_and_lists_classes():
    xy = [[-0.01, 1], [0, 0], [5.99, 4.99], [6, 1], [1, 5], [3, 3]]
    results = make_results(np.zeros((5, 6, 3), np.uint8), xy, [1, 4, 2, 3, 5, 0])
    given, original = results['clicks'], results['clicks'].copy()
    results = LoadClicks()(results)
    assert results['click_labels'].tolist() == [4, 2, 0]
    assert results['image_classes'] == (2, 4)
    place_clicks(results, click_xy(results) + 100)
    assert (given == original).all()  # the data set's array is untouched
    again = make_results(np.zeros((5, 6, 3), np.uint8), xy, [1, 4, 2, 3, 5, 0])
    assert LoadClicks(background_index=None)(again)['image_classes'] == (0, 2, 4)


def test_images_without_clicks_pass():
    chain = [LoadClicks(), MMSegResize(scale=(9, 9)), MMSegRandomFlip(prob=1.0)]
    chain += [MMCVRandomFlip(prob=1.0), ClickRandomCrop(4), RasterizeClicks(radius=2)]
    results = make_results(np.zeros((5, 6, 3), np.uint8), np.zeros((0, 2)))
    results = Compose(chain)(results)
    assert results['image_classes'] == ()
    assert (results['gt_seg_map'] == 255).all()


@pytest.mark.parametrize('size', [(7, 5), (50, 5), (7, 60), (50, 60)])
def test_crop_equals_mmseg(size):
    img = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    maps = dict(gt_edge_map=img[..., 0], seg_fields=['gt_edge_map'])
    np.random.seed(5)
    expected = RandomCrop(crop_size=size)(dict(img=img, **maps))
    results = LoadClicks()(make_results(img, [[3, 3]]))
    results.update(maps)
    np.random.seed(5)
    results = ClickRandomCrop(crop_size=size)(results)
    assert (results['img'] == expected['img']).all()
    assert (results['gt_edge_map'] == expected['gt_edge_map']).all()
    assert results['img_shape'] == expected['img_shape']


def test_min_clicks_draws_again():
    img = np.zeros((40, 40, 3), np.uint8)
    counts = {}
    for options in (dict(), dict(min_clicks=1, max_tries=500)):
        np.random.seed(0)
        crop = ClickRandomCrop(crop_size=8, **options)
        results = [crop(LoadClicks()(make_results(img, [[20, 20]]))) for _ in range(40)]
        counts[len(options)] = sum(len(r['click_labels']) for r in results)
    assert counts[0] < 20
    assert counts[2] == 40


def test_min_clicks_out_of_reach_takes_the_best():
    img = np.zeros((40, 40, 3), np.uint8)
    np.random.seed(0)
    crop = ClickRandomCrop(crop_size=30, min_clicks=9, max_tries=50)
    results = crop(LoadClicks()(make_results(img, [[5, 5], [20, 20], [25, 25]])))
    assert len(results['click_labels']) == 3


@pytest.mark.parametrize(
    'cfg, message',
    [
        (dict(type='ClickRandomCrop', crop_size=0), 'crop_size'),
        (dict(type='ClickRandomCrop', crop_size=(1, 2, 3)), 'crop_size'),
        (dict(type='ClickRandomCrop', crop_size=2.5), 'crop_size'),
        (dict(type='ClickRandomCrop', crop_size=8, min_clicks=-1), 'min_clicks'),
        (dict(type='ClickRandomCrop', crop_size=8, max_tries=0), 'max_tries'),
        (dict(type='RasterizeClicks', radius=-1), 'radius'),
        (dict(type='RasterizeClicks', radius=float('nan')), 'radius'),
        (dict(type='RasterizeClicks', ignore_index=256), 'ignore_index'),
    ],
)
def test_option_out_of_range(cfg, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(cfg)


def test_missing_steps_are_named():
    img = np.zeros((5, 5, 3), np.uint8)
    for transform in (ClickRandomCrop(3), RasterizeClicks()):
        with pytest.raises(ValueError, match=r'a\.jpg: .*LoadClicks'):
            transform(dict(img=img, img_path='a.jpg'))
    with pytest.raises(ValueError, match=r'a\.jpg: .*ClickDataset'):
        LoadClicks()(dict(img=img, img_path='a.jpg'))
    with pytest.raises(ValueError, match=r'a\.jpg: .*LoadImageFromFile'):
        LoadClicks()(dict(clicks=[], click_labels=[], img_path='a.jpg'))
    results = LoadClicks()(make_results(img, [[1, 1]]))
    results.update(gt_seg_map=img[..., 0], img_path='a.jpg')
    with pytest.raises(ValueError, match=r'a\.jpg: .*LoadAnnotations'):
        RasterizeClicks()(results)


def boxed(boxes, dtype=np.float32):
    results = make_results(np.zeros((20, 30, 3), np.uint8), [[3, 4], [29, 19], [50, 1]])
    results['gt_bboxes'] = np.array(boxes, dtype).reshape(-1, 4)
    return results


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int64])
@pytest.mark.parametrize('boxes', [[], [[1.7, 2, 9, 8]], [[0, 0, 30, 20], [3, 4, 3, 4]]])
def test_real_boxes_pass_untouched(boxes, dtype):
    results = boxed(boxes, dtype)
    before = results['gt_bboxes'].copy()
    results = Compose([LoadClicks(), RasterizeClicks()])(results)
    assert np.array_equal(results['gt_bboxes'], before)
    assert results['gt_bboxes'].dtype == before.dtype
    assert results['clicks'].tolist() == [[3.5, 4.5], [29.5, 19.5]]
    packed = PackWeakSegInputs(meta_keys=('gt_bboxes', 'clicks'))(results)
    assert np.array_equal(packed['data_samples'].gt_bboxes, before)
    assert len(packed['data_samples'].clicks) == 2


def test_pack_leaves_boxes_alone_where_nothing_is_clicked():
    results = boxed([[1, 2, 3, 4], [5, 6, 7, 8]])
    del results['clicks'], results['click_labels']
    packed = PackWeakSegInputs(meta_keys=('gt_bboxes', 'clicks'))(results)
    assert packed['data_samples'].gt_bboxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert 'clicks' not in packed['data_samples']


def test_real_boxes_move_as_without_clicks():
    steps = [MMSegResize(scale=(60, 20)), MMCVRandomFlip(prob=1.0, direction='vertical')]
    boxes = [[1, 2, 9, 8], [10, 5, 30, 20]]
    alone = Compose(steps)(boxed(boxes))
    with_clicks = Compose([LoadClicks(), *steps, RasterizeClicks()])(boxed(boxes))
    assert np.allclose(with_clicks['gt_bboxes'], alone['gt_bboxes'])
    assert with_clicks['clicks'].tolist() == [[7.0, 15.5], [59.0, 0.5]]


def test_crop_moves_and_cuts_real_boxes():
    np.random.seed(0)
    results = LoadClicks()(boxed([[0, 0, 30, 20], [29, 19, 30, 20]]))
    results['img'] = np.arange(600, dtype=np.int64).reshape(20, 30)
    results = RasterizeClicks()(ClickRandomCrop((10, 10))(results))
    top, left = divmod(int(results['img'][0, 0]), 30)
    corner = np.clip([29 - left, 19 - top, 30 - left, 20 - top], 0, 10)
    assert results['gt_bboxes'].tolist() == [[0, 0, 10, 10], corner.tolist()]


@pytest.mark.parametrize('boxes', [[], [[1, 2, 9, 8]]])
def test_boxes_that_are_dropped_on_the_way_are_an_error(boxes):
    results = LoadClicks()(boxed(boxes))
    results['gt_bboxes'] = results['gt_bboxes'][:-1]  # as filters of empty boxes do
    with pytest.raises(ValueError, match='2 clicks have become 1: a transform'):
        RasterizeClicks()(results)
    results = boxed(boxes)
    results['gt_bboxes'] = results['gt_bboxes'].tolist()
    with pytest.raises(ValueError, match=r'gt_bboxes are no \(n, 4\) array, got list'):
        LoadClicks()(results)


def test_load_clicks_twice():
    results = LoadClicks()(boxed([]))
    with pytest.raises(ValueError, match='LoadClicks stands there twice'):
        LoadClicks()(results)
