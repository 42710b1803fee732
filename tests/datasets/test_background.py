"""One switch says which class is background; everything else follows or is refused."""

import json

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets.class_splits import background_of, find_background

STREET = ('road', 'car', 'sky')
STEPS = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]


@pytest.fixture
def street(tmp_path):
    """One image with clicks on road, car and sky."""
    Image.new('RGB', (8, 6)).save(tmp_path / 'a.png')
    clicks = [dict(x=i, y=i, cls=i) for i in range(3)]
    (tmp_path / 'clicks.json').write_text(json.dumps({'a': clicks}))
    (tmp_path / 'tags.json').write_text(json.dumps({'a': ['car', 'sky']}))

    def build(classes=STREET, steps=STEPS, **changes):
        return DATASETS.build(
            dict(
                dict(
                    type='ClickDataset',
                    data_root=str(tmp_path),
                    data_prefix=dict(img_path=''),
                    img_suffix='.png',
                    click_file='clicks.json',
                    metainfo=dict(classes=classes),
                    pipeline=steps,
                ),
                **changes,
            )
        )

    return build


@pytest.mark.parametrize(
    ('changes', 'index', 'shown'),
    [
        (dict(), None, (0, 1, 2)),
        (dict(background=None), None, (0, 1, 2)),
        (dict(background='sky'), 2, (0, 1)),
        (dict(background=0), 0, (1, 2)),
        (dict(metainfo=dict(classes=STREET, background='sky')), 2, (0, 1)),
        (dict(metainfo=dict(classes=STREET, background=None)), None, (0, 1, 2)),
        (dict(classes=('car', 'background', 'x')), 1, (0, 2)),
        (dict(classes=('car', 'background', 'x'), background=1), 1, (0, 2)),
    ],
)
def test_the_data_set_tells(street, changes, index, shown):
    dataset = street(**changes)
    assert dataset.background_index == background_of(dataset.metainfo) == index
    sample = dataset[0]['data_samples']
    assert sample.image_classes == shown
    assert sample.background_index == index


@pytest.mark.parametrize('index', [0, 2, None])
def test_an_option_of_earlier_versions_still_tells(street, index):
    steps = [STEPS[0], dict(type='LoadClicks', background_index=index), *STEPS[2:]]
    dataset = street(steps=steps)
    assert dataset.background_index == background_of(dataset.metainfo) == index
    assert index not in dataset[0]['data_samples'].image_classes


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(background='tree'), "background='tree' is none of the classes road, car"),
        (dict(background=3), 'background=3 is none'),
        (dict(background=-1), 'background=-1 is none'),
        (dict(background=True), 'background=True is none'),
        (dict(classes=('background', 'b'), background='b'), "class 0 is called 'backgr"),
        (dict(classes=('background', 'b'), background=None), "class 0 is called 'backg"),
        (
            dict(background='sky', metainfo=dict(classes=STREET, background='car')),
            "background='sky', and metainfo says 'car'",
        ),
        (
            dict(
                background='sky',
                steps=[STEPS[0], dict(type='LoadClicks', background_index=0)],
            ),
            'LoadClicks has background_index=0, .* background is 2',
        ),
        (
            dict(
                background=None,
                steps=[STEPS[0], dict(type='LoadClicks', background_index=0)],
            ),
            'LoadClicks has background_index=0, .* background is none',
        ),
    ],
)
def test_contradictions_are_refused(street, changes, message):
    with pytest.raises(ValueError, match=message):
        street(**changes)


def test_tags_of_a_set_whose_background_has_another_name(street):
    tags = dict(type='ImageTagDataset', click_file=None, tag_file='tags.json', steps=[])
    with pytest.raises(ValueError, match="classes lack 'background'.*background=..."):
        street(**tags)
    dataset = street(background='road', **tags)
    assert dataset.get_data_info(0)['tags'] == (1, 2)
    assert dataset.get_data_info(0)['background_index'] == 0
    dataset = street(background='sky', **tags)
    assert dataset.get_data_info(0)['tags'] == (1,)


def test_metainfo_stays_comparable(street):
    """mmengine joins data sets whose metainfo is the same, stock ones among them."""
    classes = ('background', 'b', 'c')
    weak = street(classes)
    stock = DATASETS.build(
        dict(
            type='BaseSegDataset',
            data_prefix=weak.data_prefix,
            img_suffix='.png',
            metainfo=dict(classes=classes),
        )
    )
    assert len(ConcatDataset([weak, stock])) == 2


def test_find_background_takes_arrays_of_names():
    assert find_background(np.array(['a', 'background'])) == 1
    assert find_background(()) is None
