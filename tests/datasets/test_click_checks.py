"""Clicks in another unit, on one spot or against each other; near misses pass."""

import json

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets import ClickDataset
from mmseg_weak.datasets.click_checks import check_clicks
from mmseg_weak.datasets.click_table import ClickTable


def table(points, labels=None, per_image=5):
    """Clicks in file order, ``per_image`` for each image."""
    labels = np.ones(len(points), int) if labels is None else labels
    rows = [
        (f'i{k // per_image}', x, y, int(c), 0)
        for k, ((x, y), c) in enumerate(zip(points, labels))
    ]
    return ClickTable.from_rows(rows)


def sizes(clicks, width=300, height=200):
    return np.tile([[width, height]], (len(clicks), 1))


def uniform(number, width=300, height=200, seed=0):
    return np.random.default_rng(seed).uniform(0, (width, height), (number, 2))


def test_pixels_pass():
    for number in (1, 3, 5, 60):
        clicks = table(uniform(number))
        assert check_clicks(clicks, sizes(clicks)) == []
        assert check_clicks(clicks, None) == []


@pytest.mark.parametrize('known', [True, False])
@pytest.mark.parametrize('number', [4, 44])
def test_fractions_are_refused(known, number):
    clicks = table(uniform(number, 1, 1))
    with pytest.raises(ValueError, match=f'all {number} clicks lie between 0 and 1'):
        check_clicks(clicks, sizes(clicks) if known else None)


def test_percent_are_refused():
    clicks = table(uniform(40, 100, 100))
    with pytest.raises(ValueError, match='none of 40 clicks exceeds 100, .* 300x200'):
        check_clicks(clicks, sizes(clicks))
    with pytest.raises(ValueError, match='are percent of the image'):
        check_clicks(table(uniform(12, 100, 100)), sizes(range(12), 3000, 2000))


def test_clicks_that_merely_look_like_percent_pass():
    clicks = table(uniform(40, 100, 100))
    check_clicks(clicks, sizes(clicks, 110, 105))  # small images
    few = table(uniform(4, 100, 100))
    check_clicks(few, sizes(few))  # may be chance
    whole = table(np.floor(uniform(40, 100, 100)))
    check_clicks(whole, sizes(whole))  # percent are hardly ever whole numbers


@pytest.mark.parametrize('spot', [(0, 0), (150.5, 99.5), (1, 1)])
def test_one_spot_in_most_images_is_refused(spot):
    clicks = table([spot] * 25)
    with pytest.raises(ValueError, match='the clicks of 5 of 5 images .* all 5 of i0: pos'):
        check_clicks(clicks, sizes(clicks))


def test_one_spot_in_few_images_is_told_of():
    points = uniform(30)
    points[5:10] = 7.25
    notes = check_clicks(table(points), None)
    assert len(notes) == 1 and 'clicks of 1 of 6 images' in notes[0] and 'i1' in notes[0]
    assert check_clicks(table([(3, 3)] * 6, per_image=2), None) == []  # a class each


def test_most_contradicting_is_refused():
    points = np.repeat(uniform(12), 2, axis=0)
    labels = np.tile([1, 2], 12)
    with pytest.raises(ValueError, match='12 of 12 clicked pixels .* several classes'):
        check_clicks(table(points, labels, per_image=24), None)
    labels[:14] = 1
    assert check_clicks(table(points, labels, per_image=24), None) == []


@pytest.fixture
def own(tmp_path):
    for i in range(4):
        Image.new('RGB', (300, 200)).save(tmp_path / f'i{i}.png')

    def build(points, **changes):
        clicks = {f'i{i}': [] for i in range(4)}
        for k, (x, y) in enumerate(points):
            clicks[f'i{k % 4}'].append(dict(x=float(x), y=float(y), cls='square'))
        (tmp_path / 'clicks.json').write_text(json.dumps(clicks))
        return ClickDataset(
            data_prefix=dict(img_path=str(tmp_path)),
            img_suffix='.png',
            click_file=str(tmp_path / 'clicks.json'),
            metainfo=dict(classes=('background', 'square')),
            **changes,
        )

    return build


@pytest.mark.parametrize('check_images', [True, False])
def test_a_data_set_names_the_file(own, check_images):
    assert own(uniform(44), check_images=check_images).click_report['clicks'] == 44
    with pytest.raises(ValueError, match=r'clicks\.json: .*0 and 1'):
        own(uniform(44, 1, 1), check_images=check_images)
    with pytest.raises(ValueError, match=r'clicks\.json: .* on one pixel'):
        own([(5, 5)] * 44, check_images=check_images)


def test_percent_through_a_data_set(own):
    with pytest.raises(ValueError, match=r'clicks\.json: none of 44 clicks exceeds 100'):
        own(uniform(44, 100, 100))
