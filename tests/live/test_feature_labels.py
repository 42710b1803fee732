"""Labels by features against the page, which shares no code above the head."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from tiny_features import TinyFeatureLabeller

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.labelling import FeatureLabeller, make_labels

CLASSES = ['grass', 'square']
CLICKS = {
    'a.png': [(5.5, 20.5, 'square'), (50.5, 40.5, 'grass')],
    'b.jpg': [(30.5, 20.5, 'square'), (60.5, 5.5, 'grass'), (2.5, 40.5, 'grass')],
    'more/a.png': [(40.5, 2.5, 'grass')],
}
OPTIONS = dict(threshold=0.0, class_restriction='none')


def config_of(photos, clicks, **options):
    """Clicks of (x, y, name) by image, as a training set."""
    entries = {
        str(Path(image).with_suffix('')): [
            dict(x=x, y=y, cls=CLASSES.index(name)) for x, y, name in marks
        ]
        for image, marks in clicks.items()
    }
    file = photos.parent / 'clicks.json'
    file.write_text(json.dumps(entries))
    dataset = dict(
        type='ClickDataset',
        data_prefix=dict(img_path=str(photos)),
        img_suffix=('.png', '.jpg', '.JPG'),
        click_file=str(file),
        metainfo=dict(classes=CLASSES, background=None),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            dict(type='RasterizeClicks'),
            dict(type='PackWeakSegInputs'),
        ],
        **options,
    )
    return Config(dict(train_dataloader=dict(dataset=dataset)))


def labels_in(folder, images):
    return [read_mask((Path(folder) / i).with_suffix('.png')) for i in images]


def test_labels_are_the_masks_of_a_session_with_the_same_clicks(session, tmp_path):
    for image, marks in CLICKS.items():
        for x, y, name in marks:
            session.click(image, x, y, name)
    config = config_of(session.photos, CLICKS)
    make_labels(config, TinyFeatureLabeller(**OPTIONS), str(tmp_path / 'labels'))
    images = session.images
    for image, label in zip(images, labels_in(tmp_path / 'labels', images)):
        mask = session.mask(image)
        for x, y, name in CLICKS.get(image, ()):
            mask[int(y), int(x)] = CLASSES.index(name)
        assert len(np.unique(mask)) == 2
        assert (label == mask).mean() > 0.995  # order of float operations


def test_two_workers_and_a_second_call_make_the_same_labels(photos, tmp_path):
    config = config_of(photos, CLICKS)
    images = ['a.png', 'b.jpg', 'more/a.png', 'more/c.JPG']

    def make(folder, workers=1):
        labeller = TinyFeatureLabeller(**OPTIONS)
        make_labels(config, labeller, str(tmp_path / folder), workers=workers)

    make('one')
    make('two', workers=2)
    one = labels_in(tmp_path / 'one', images)
    assert all(map(np.array_equal, one, labels_in(tmp_path / 'two', images)))
    (tmp_path / 'one' / 'b.png').unlink()
    make('one')
    assert all(map(np.array_equal, one, labels_in(tmp_path / 'one', images)))


def test_a_class_without_clicks_is_nowhere(photos, tmp_path):
    clicks = {i: [m for m in marks if m[2] == 'grass'] for i, marks in CLICKS.items()}
    make_labels(
        config_of(photos, clicks), TinyFeatureLabeller(**OPTIONS), str(tmp_path / 'labels')
    )
    assert not labels_in(tmp_path / 'labels', ['a.png'])[0].any()


def test_data_without_clicks_and_options_out_of_range_are_refused(photos, tmp_path):
    with pytest.raises(ValueError, match='features_long_side must be >= 32, got 8'):
        FeatureLabeller(features_long_side=8)
    (tmp_path / 'tags.json').write_text(json.dumps({'a': ['square']}))
    dataset = dict(
        type='ImageTagDataset',
        data_prefix=dict(img_path=str(photos)),
        img_suffix='.png',
        tag_file=str(tmp_path / 'tags.json'),
        metainfo=dict(classes=('background', 'square')),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadImageTags')],
    )
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    with pytest.raises(ValueError, match='labels by features need clicks, which a Image'):
        make_labels(config, TinyFeatureLabeller(), str(tmp_path / 'labels'))
