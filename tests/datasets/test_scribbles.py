"""Scribbles, marks that say "no" and vocabularies through data set and pipeline."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmcv.transforms import RandomFlip as MMCVRandomFlip
from mmengine.dataset import Compose
from mmseg.datasets.transforms import RandomFlip, Resize
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets.click_budget import ClickBudget
from mmseg_weak.datasets.click_marks import split_marks
from mmseg_weak.datasets.click_table import ClickTable
from mmseg_weak.datasets.strong_weak_source import read_tags
from mmseg_weak.datasets.transforms import (
    ClickRandomCrop,
    LoadClicks,
    PackWeakSegInputs,
    RasterizeClicks,
)
from mmseg_weak.datasets.transforms.click_rows import click_xy
from mmseg_weak.datasets.transforms.lines import cut_marks, pixels_of_marks

WIDTH, HEIGHT = 30, 20
coordinates = st.floats(-15, 45, width=32)
lines = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=5)


def sample(points, labels, strokes, negatives=None):
    img = np.arange(WIDTH * HEIGHT, dtype=np.int64).reshape(HEIGHT, WIDTH)
    results = dict(
        img=img,
        img_shape=img.shape,
        clicks=np.array(points, np.float32).reshape(-1, 2),
        click_labels=np.array(labels),
        click_strokes=np.array(strokes),
        seg_fields=[],
    )
    if negatives is not None:
        results['click_negatives'] = np.array(negatives)
    return results


def dense(points, number=4000):
    """Many points of a polyline: the slow definition of what it goes through."""
    points = np.asarray(points, dtype=np.float64)
    share = np.linspace(0, 1, number)[:, None]
    return np.concatenate([a + share * (b - a) for a, b in pairwise(points)])


def pixels(points):
    inside = ((points >= 0) & (points < [WIDTH, HEIGHT])).all(1)
    found, counts = np.unique(np.floor(points[inside]), axis=0, return_counts=True)
    return found.astype(int), counts


@settings(deadline=None, max_examples=150)
@given(lines)
def test_cut_lines_are_the_part_inside(line):
    xy = np.array(line, np.float64)
    cut, strokes, rows = cut_marks(xy, np.zeros(len(xy), int), (WIDTH, HEIGHT))
    assert (cut >= 0).all() and (cut <= [WIDTH, HEIGHT]).all()
    assert len(cut) == len(strokes) == len(rows)
    expected = dense(xy)
    expected = expected[((expected > 0) & (expected < [WIDTH, HEIGHT])).all(1)]
    marks = [cut[strokes == s] for s in np.unique(strokes)]
    got = [dense(m, 400) for m in marks if len(m) > 1]
    if len(expected):
        near = np.concatenate(got)
        distance = np.linalg.norm(expected[::40, None] - near[None], axis=-1).min(1)
        assert distance.max() < 0.5
    for piece in got:  # and nothing that is not on the line
        gap = np.linalg.norm(piece[::40, None] - dense(xy)[None, ::5], axis=-1).min(1)
        assert gap.max() < 0.5


@settings(deadline=None, max_examples=100)
@given(lines)
def test_pixels_of_a_line(line):
    xy = np.array(line, np.float64).clip(0.02, [WIDTH - 0.02, HEIGHT - 0.02])
    found, rows = pixels_of_marks(xy, np.zeros(len(xy), int))
    assert len(np.unique(found, axis=0)) == len(found) == len(rows)
    expected, counts = pixels(dense(xy))
    expected = {tuple(p) for p in expected.tolist()}
    assert {tuple(p) for p in found.tolist()} <= expected | {
        tuple(p) for p in np.floor(xy).astype(int).tolist()
    }
    lengths = np.abs(np.diff(xy, axis=0)).max(1)
    long = counts * lengths.max() / 4000 > 0.6 * len(lengths)
    assert {tuple(p) for p in pixels(dense(xy))[0][long].tolist()} <= {
        tuple(p) for p in found.tolist()
    }


@pytest.mark.parametrize('flip', [RandomFlip, MMCVRandomFlip])
@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_a_diagonal_scribble_stays_on_its_pixels(flip, direction):
    """A box of two corners would become the other diagonal."""
    results = sample([[2.5, 3.5], [14.5, 15.5], [20.5, 15.5]], [3] * 3, [7] * 3)
    plain = RasterizeClicks()(LoadClicks()(dict(results)))
    marked = plain['img'][plain['gt_seg_map'] == 3]
    assert len(marked) == 19
    steps = [LoadClicks(), flip(prob=1.0, direction=direction), RasterizeClicks()]
    results['img'] = results['img'].astype(np.float64)[..., None]
    results = Compose(steps)(results)
    image = results['img'].reshape(HEIGHT, WIDTH)
    assert set(image[results['gt_seg_map'] == 3]) == set(marked)


@settings(deadline=None, max_examples=60)
@example(line=[(0.0, 21.0), (2.0, 8.0)], seed=0)
@example(line=[(0.0, 31.9375), (44.0, 0.9375)], seed=94)
@given(lines, st.integers(0, 1000))
def test_a_crop_draws_what_the_whole_image_draws(line, seed):
    results = sample(line, [1] * len(line), [0] * len(line))
    whole = RasterizeClicks()(LoadClicks()(dict(results, seg_fields=[])))['gt_seg_map']
    np.random.seed(seed)
    cropped = RasterizeClicks()(ClickRandomCrop((9, 11))(LoadClicks()(dict(results))))
    top, left = divmod(int(cropped['img'][0, 0]), WIDTH)
    window = whole[top : top + 9, left : left + 11]
    # Samples, two a pixel, lie elsewhere on a cut line: pixels that it grazes may differ.
    differ = np.argwhere((window == 1) != (cropped['gt_seg_map'] == 1)) + (top, left)
    loaded = LoadClicks()(dict(results))
    pieces = zip(pairwise(click_xy(loaded)), pairwise(loaded['click_strokes']))
    for piece in (dense(ends, 20_000) for ends, (a, b) in pieces if a == b):
        for y, x in differ:
            inside = piece[(np.floor(piece) == (x, y)).all(1)]
            assert len(inside) == 0 or np.ptp(inside, axis=0).max() < 0.51


def test_resize_after_a_crop_does_not_bend_lines():
    """mmcv clips boxes at the border; the line was cut there before."""
    results = sample([[5, 5], [100, 40]], [1, 1], [0, 0])
    results['img'] = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    results = Compose([LoadClicks(), Resize(scale=(WIDTH * 4, HEIGHT * 4))])(results)
    (x0, y0), (x1, y1) = click_xy(results)
    assert (y1 - y0) / (x1 - x0) == pytest.approx(35 / 95, rel=0.02)
    assert x1 == pytest.approx(WIDTH * 4, abs=0.1)


def test_clicks_beside_lines_and_contradictions():
    points = [[1, 1], [5, 1], [3, 0], [3, 4], [40, 3], [8, 8]]
    results = sample(points, [1, 1, 2, 2, 1, 3], [0, 0, 1, 1, 2, 3])
    results = RasterizeClicks()(LoadClicks()(results))
    seg = results['gt_seg_map']
    assert seg[1, [1, 2, 4, 5]].tolist() == [1] * 4
    assert seg[1, 3] == 255  # the two lines cross there
    assert seg[[0, 2, 3, 4], 3].tolist() == [2] * 4
    assert seg[8, 8] == 3 and (seg != 255).sum() == 9
    assert results['image_classes'] == (1, 2, 3)


def test_marks_that_say_no():
    points = [[1, 1], [3, 4], [9, 3], [12, 3], [50, 1]]
    negatives = [False, True, True, True, True]
    results = sample(points, [1, 2, 3, 3, 2], [0, 1, 2, 2, 3], negatives)
    results = RasterizeClicks(radius=2)(LoadClicks()(results))
    assert results['image_classes'] == (1,)
    assert set(np.unique(results['gt_seg_map'])) == {1, 255}
    expected = [[3, x, 3] for x in (9, 10, 11, 12)] + [[4, 3, 2]]
    assert results['gt_exclusions'].tolist() == expected
    assert results['click_labels'].tolist() == [1] and len(results['clicks']) == 1
    results['img'] = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    packed = PackWeakSegInputs()(results)['data_samples']
    assert packed.gt_exclusions.dtype == torch.int64
    assert packed.gt_exclusions.tolist() == expected


def test_marks_that_say_no_are_no_clicks_to_score_with():
    """As validation packs them, without a label map."""
    results = sample([[1, 1], [3, 4], [9, 3]], [1, 2, 3], [0, 1, 2], [False, True, False])
    results['img'] = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    packed = PackWeakSegInputs()(LoadClicks()(results))['data_samples']
    assert packed.click_labels.tolist() == [1, 3]
    assert np.floor(packed.clicks).tolist() == [[1, 1], [9, 3]]


def table(negative=(), known=()):
    clicks = ClickTable.from_rows(
        [('a', 1, 1, 0, 0), ('a', 2, 2, 1, 0), ('b', 3, 3, 0, 0), ('b', 4, 4, 2, 0)]
    )
    clicks.negative[list(negative)] = True
    if known:
        clicks.vocabulary[0] = 0
        clicks.vocabularies = (known,)
    return clicks


def test_plain_clicks_bring_no_more_than_before():
    samples = split_marks(table(), ['b', 'c', 'a'], [], 0)
    assert [set(s) for s in samples] == [{'clicks', 'click_labels'}] * 3
    assert samples[0]['clicks'].tolist() == [[3, 3], [4, 4]]
    assert samples[0]['clicks'].dtype == np.float32
    assert [s['click_labels'].tolist() for s in samples] == [[0, 2], [], [0, 1]]
    assert samples[1]['clicks'].shape == (0, 2)


def test_background_of_a_partial_search_says_no():
    samples = split_marks(table(known=(0, 1, 3)), ['a', 'b'], [(0, 1, 3)], 0)
    assert samples[0]['known_classes'] == (0, 1, 3) and samples[1]['known_classes'] is None
    found = zip(
        samples[0]['clicks'].tolist(),
        samples[0]['click_labels'].tolist(),
        samples[0]['click_negatives'].tolist(),
    )
    assert sorted(found) == [([1, 1], 1, True), ([1, 1], 3, True), ([2, 2], 1, False)]
    assert samples[1]['click_labels'].tolist() == [0, 2]
    assert not samples[1]['click_negatives'].any()


@pytest.fixture
def annotated(tmp_path):
    """A set with a click, a scribble and a shape "point" of LabelMe."""
    Image.new('RGB', (WIDTH, HEIGHT)).save(tmp_path / 'a.png')
    shapes = [
        dict(label='cat', shape_type='linestrip', points=[[2, 2], [6, 6]]),
        dict(label='dog', shape_type='point', points=[[9, 9]]),
    ]
    content = dict(version='5', shapes=shapes, imagePath='a.png', imageData=None)
    content |= dict(flags={}, imageWidth=WIDTH, imageHeight=HEIGHT)
    (tmp_path / 'marks').mkdir()
    (tmp_path / 'marks' / 'a.json').write_text(json.dumps(content))
    steps = ('LoadImageFromFile', 'LoadClicks', 'RasterizeClicks', 'PackWeakSegInputs')
    return dict(
        type='ClickDataset',
        data_root=str(tmp_path),
        data_prefix=dict(img_path=''),
        img_suffix='.png',
        click_file='marks',
        metainfo=dict(classes=('background', 'cat', 'dog')),
        pipeline=[dict(type=name) for name in steps],
    )


def test_an_export_with_scribbles_reaches_the_label_map(annotated):
    dataset = DATASETS.build(annotated)
    assert dataset.click_report['scribbles'] == 1
    seg = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert all(seg[i, i] == 1 for i in range(2, 7)) and seg[9, 9] == 2
    assert 'gt_exclusions' not in dataset[0]['data_samples']
    assert read_tags(annotated) == {'a': ('cat', 'dog')}


def test_a_vocabulary_reaches_the_sample(annotated):
    dataset = DATASETS.build(dict(annotated, vocabulary=['cat', 'background']))
    assert dataset[0]['data_samples'].known_classes == (0, 1)


def test_budgets_leave_marks_that_say_no():
    clicks = table(negative=[1, 3])
    clicks.rank[:] = [2, 2, 1, 2]
    steps = dict(ClickBudget(max_rank=1, clicks_per_class=1).steps())
    assert steps['max_rank'](clicks).tolist() == [False, True, True, True]
    assert steps['clicks_per_class'](clicks).tolist() == [True] * 4
