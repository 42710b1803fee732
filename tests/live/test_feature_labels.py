"""Labels by features against the page, which shares no code above the head."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tiny_features import ColourLabeller, TinyFeatureLabeller

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.labelling import FeatureLabeller, make_labels
from mmseg_weak.labelling.labellers.feature_samples import ImageSamples, matching_prior

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


def tag_config(photos, tags, classes=CLASSES):
    """Tags by image, as a training set; grass is the background."""
    file = photos.parent / 'tags.json'
    file.write_text(json.dumps(tags))
    dataset = dict(
        type='ImageTagDataset',
        data_prefix=dict(img_path=str(photos)),
        img_suffix=('.png', '.jpg', '.JPG'),
        tag_file=str(file),
        metainfo=dict(classes=classes, background='grass'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadImageTags'),
            dict(type='PackWeakSegInputs'),
        ],
    )
    return Config(dict(train_dataloader=dict(dataset=dataset)))


IMAGES = ['a', 'b', 'more/a', 'more/c']


def truths():
    """Masks of the squares of ``photos``."""
    masks = np.zeros((4, 48, 64), np.uint8)
    for i, mask in enumerate(masks):
        mask[10:34, 4 + 10 * i : 28 + 10 * i] = 1
    return masks


@pytest.fixture
def wrong_labels(tmp_path):
    """Squares that reach 12 pixels too far on one side, another in each image."""
    folder = tmp_path / 'wrong'
    for image, mask, axis, step in zip(IMAGES, truths(), (0, 0, 1, 1), (12, -12, 12, -12)):
        path = folder / f'{image}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask | np.roll(mask, step, axis)).save(path)
    manifest = dict(classes=CLASSES, made_by='a test')
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    return folder


def test_what_labels_have_wrong_in_one_image_is_outvoted(photos, wrong_labels, tmp_path):
    config = tag_config(photos, {image: ['square'] for image in IMAGES})

    def make(folder, workers=1):
        labeller = ColourLabeller(learn_from=str(wrong_labels), threshold=0.0)
        make_labels(config, labeller, str(tmp_path / folder), workers=workers)
        return np.stack(labels_in(tmp_path / folder, [f'{image}.png' for image in IMAGES]))

    wrong = np.stack(labels_in(wrong_labels, [f'{image}.png' for image in IMAGES]))
    found = make('one')
    assert (found != truths()).mean() < 0.2 * (wrong != truths()).mean()
    assert np.array_equal(found, make('two', workers=2))
    # Other labels to learn from are other settings.
    shutil.copy(wrong_labels / 'a.png', wrong_labels / 'b.png')
    with pytest.raises(ValueError, match='made with other settings .*learn_from'):
        make('one')


def test_a_tag_excludes_other_classes(photos, wrong_labels, tmp_path):
    tags = {image: ['square'] for image in IMAGES}
    tags['more/c'] = ['circle']
    manifest = dict(classes=[*CLASSES, 'circle'], made_by='a test')
    (wrong_labels / 'manifest.json').write_text(json.dumps(manifest))
    config = tag_config(photos, tags, [*CLASSES, 'circle'])
    labeller = TinyFeatureLabeller(learn_from=str(wrong_labels), threshold=0.0)
    make_labels(config, labeller, str(tmp_path / 'labels'))
    assert not labels_in(tmp_path / 'labels', ['more/c.png'])[0].any()


class LogitModel:
    """Logits are the features."""

    def logits(self, features):
        return features.clone()


def test_the_prior_keeps_the_share_of_background():
    rng = np.random.default_rng(0)
    rows, nothing = [], np.zeros(0)
    for _ in range(200):
        classes = np.array([True, *(rng.random(3) < 0.5)])
        classes[rng.integers(1, 4)] = True
        labels = np.where(rng.random(16) < 0.7, 0, 1)
        labels[rng.random(16) < 0.2] = 255
        logits = rng.normal(size=(16, 4)).astype(np.float32)
        rows.append(ImageSamples(nothing, nothing, nothing, logits, labels, classes))
    prior = matching_prior(LogitModel(), rows, 0)
    chosen, labels = [], np.concatenate([row.anywhere_labels for row in rows])
    for row in rows:
        odds = np.exp(row.anywhere.astype(float)) * row.classes
        odds[:, 0] *= prior
        chosen.append(odds.argmax(1) == 0)
    share = np.concatenate(chosen)[labels != 255].mean()
    assert share == pytest.approx((labels[labels != 255] == 0).mean(), abs=1e-3)
    assert prior > 1.5
    empty = [row._replace(anywhere_labels=np.full(16, 255)) for row in rows]
    assert matching_prior(LogitModel(), empty, 0) == 1.0


def test_labels_to_learn_from_that_do_not_fit_are_refused(photos, wrong_labels, tmp_path):
    config = tag_config(photos, {image: ['square'] for image in IMAGES})

    def make(folder):
        labeller = TinyFeatureLabeller(learn_from=str(folder))
        make_labels(config, labeller, str(tmp_path / 'labels'))

    with pytest.raises(FileNotFoundError, match='no_such'):
        make(tmp_path / 'no_such')
    (wrong_labels / 'b.png').unlink()
    with pytest.raises(ValueError, match='1 of 4'):
        make(wrong_labels)


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
