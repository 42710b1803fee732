"""Labels by features: of clicks against the page, of labels that err against the truth."""

import json
import shutil

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tiny_features import (
    CLASSES,
    CLICKS,
    OPTIONS,
    TinyColourLabeller,
    TinyFeatureLabeller,
    config_of,
    labels_in,
)

from mmseg_weak.labelling import FeatureLabeller, make_labels
from mmseg_weak.labelling.labellers.background_share import PRIORS, matching_prior


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


def learnt(photos, folder, out, again=False, **options):
    """Labels (n, H, W) of all images that a classifier of labels makes."""
    config = tag_config(photos, {image: ['square'] for image in IMAGES})
    options = dict(dict(learn_from=str(folder), threshold=0.0), **options)
    make_labels(config, TinyColourLabeller(**options), str(out), overwrite=again)
    return np.stack(labels_in(out, [f'{image}.png' for image in IMAGES]))


def test_what_labels_have_wrong_in_one_image_is_outvoted(photos, wrong_labels, tmp_path):
    wrong = np.stack(labels_in(wrong_labels, [f'{image}.png' for image in IMAGES]))
    found = learnt(photos, wrong_labels, tmp_path / 'labels')
    assert (found != truths()).mean() < 0.2 * (wrong != truths()).mean()
    # Also when a kill left some, and at another size.
    (tmp_path / 'labels' / 'b.png').unlink()
    assert np.array_equal(learnt(photos, wrong_labels, tmp_path / 'labels'), found)
    small = learnt(photos, wrong_labels, tmp_path / 'small', long_side=48)
    assert (small != truths()).mean() < 0.1


def test_two_workers_learn_the_same_from_labels(photos, wrong_labels, tmp_path):
    config = tag_config(photos, {image: ['square'] for image in IMAGES})

    def make(workers):
        labeller = TinyColourLabeller(learn_from=str(wrong_labels), threshold=0.0)
        out = tmp_path / f'{workers}'
        make_labels(config, labeller, str(out), workers=workers)
        return [(out / f'{image}.png').read_bytes() for image in IMAGES]

    assert make(1) == make(2)


def test_other_labels_to_learn_from_are_other_settings(photos, wrong_labels, tmp_path):
    learnt(photos, wrong_labels, tmp_path / 'labels')
    shutil.copy(wrong_labels / 'a.png', wrong_labels / 'b.png')
    with pytest.raises(ValueError, match='made with other settings .*learn_from'):
        learnt(photos, wrong_labels, tmp_path / 'labels')


@pytest.fixture
def gradient(photos):
    """From green to red; half of it is the square in two labels, nothing in two."""
    share = np.linspace(0, 1, 64)[None, :, None]
    image = np.array([40, 160, 60]) * (1 - share) + np.array([200, 40, 40]) * share
    image = np.broadcast_to(image, (48, 64, 3)).astype(np.uint8)
    for name in ('a.png', 'b.jpg', 'more/a.png', 'more/c.JPG'):
        Image.fromarray(image).save(photos / name, format='PNG')
    folder = photos.parent / 'doubtful'
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 1
    for i, name in enumerate(IMAGES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask * (i % 2)).save(folder / f'{name}.png')
    manifest = dict(classes=CLASSES, made_by='a test')
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    return folder


def test_background_keeps_its_share_unless_a_prior_is_given(photos, gradient, tmp_path):
    found = learnt(photos, gradient, tmp_path / 'found')
    even = learnt(photos, gradient, tmp_path / 'even', background_prior=1.0)
    assert (found == 0).mean() == pytest.approx(0.75, abs=0.06)
    assert (even == 0).mean() < 0.68
    report = json.loads((tmp_path / 'found' / 'report.json').read_text())
    prior = report['background_prior']
    given = learnt(photos, gradient, tmp_path / 'given', background_prior=prior)
    assert np.array_equal(given, found)
    assert 'background_prior' not in json.loads(
        (tmp_path / 'even' / 'report.json').read_text()
    )
    again = learnt(photos, gradient, tmp_path / 'found', background_prior=3.0, again=True)
    assert (again == 0).mean() > (found == 0).mean()
    report = json.loads((tmp_path / 'found' / 'report.json').read_text())
    assert 'background_prior' not in report
    # Softer probabilities need a smaller factor for the same labels.
    soft = learnt(photos, gradient, tmp_path / 'soft', temperature=2.0)
    assert (soft == 0).mean() == pytest.approx(0.75, abs=0.06)


def test_a_tag_excludes_other_classes(photos, wrong_labels, tmp_path, monkeypatch):
    tags = {image: ['square'] for image in IMAGES}
    tags['more/c'] = ['circle']
    manifest = dict(classes=[*CLASSES, 'circle'], made_by='a test')
    (wrong_labels / 'manifest.json').write_text(json.dumps(manifest))
    config = tag_config(photos, tags, [*CLASSES, 'circle'])
    labeller = TinyColourLabeller(learn_from=str(wrong_labels), threshold=0.0)
    told = []
    monkeypatch.setattr('mmseg_weak.labelling.labellers.features.warn', told.append)
    make_labels(config, labeller, str(tmp_path / 'labels'))
    assert 'labels no pixel of circle (1 images)' in told[0]
    labels = labels_in(tmp_path / 'labels', ['more/c.png', 'a.png'])
    assert not labels[0].any() and labels[1].any()


def test_labels_of_some_images_teach_all(photos, wrong_labels, tmp_path):
    (wrong_labels / 'b.png').unlink()
    found = learnt(photos, wrong_labels, tmp_path / 'labels')
    assert (found[1] != truths()[1]).mean() < 0.05


def test_the_prior_keeps_the_mean_share_of_background():
    rng = np.random.default_rng(0)
    odds, sizes = rng.normal(size=(20, 500)), rng.integers(100, 500, 20)
    rows = []
    for values, size in zip(odds, sizes):
        made = [(values[:size] + np.log(prior) > 0).sum() for prior in PRIORS]
        rows.append([(count, size) for count in (*made, int(0.7 * size))])
    prior = matching_prior(np.array(rows))
    found = [(v[:n] + np.log(prior) > 0).mean() for v, n in zip(odds, sizes)]
    wanted = [int(0.7 * n) / n for n in sizes]
    assert np.mean(found) == pytest.approx(np.mean(wanted), abs=0.01)
    # What no image labels, and shares that no prior gives.
    assert matching_prior(np.zeros_like(np.array(rows))) == 1.0
    assert matching_prior(np.array([*rows, [(0, 0)] * 8])) == prior
    nothing, all_of_it = (np.array(rows) for _ in range(2))
    nothing[:, -1, 0], all_of_it[:, -1, 0] = 0, sizes
    assert matching_prior(nothing) == pytest.approx(PRIORS[0])
    assert matching_prior(all_of_it) == pytest.approx(PRIORS[-1])


def test_labels_to_learn_from_that_do_not_fit_are_refused(photos, wrong_labels, tmp_path):
    def refused(match, folder=wrong_labels, out=tmp_path / 'labels', kind=ValueError):
        with pytest.raises(kind, match=match):
            learnt(photos, folder, out)

    refused('learn_from: .*no_such', tmp_path / 'no_such', kind=FileNotFoundError)
    refused('two folders beside each other', out=wrong_labels)
    refused('two folders beside each other', out=wrong_labels / 'more')
    assert (wrong_labels / 'b.png').is_file()
    mask = truths()[0]
    for wrong, what in ((mask.T, 'of 48x64 pixels'), (mask * 7, 'class id 7')):
        Image.fromarray(wrong).save(wrong_labels / 'b.png')
        refused(what)
    for image in IMAGES:
        Image.fromarray(0 * mask).save(wrong_labels / f'{image}.png')
    refused('labels nothing but background in these images')
    (wrong_labels / 'manifest.json').write_text('{"classes": ["a"], "made_by": "x"}')
    refused('learn_from: .*pseudo-labels for the classes a')


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
    with pytest.raises(ValueError, match='need clicks or the option learn_from; Image'):
        make_labels(config, TinyFeatureLabeller(), str(tmp_path / 'labels'))


@pytest.mark.parametrize('most', [1, 2])
def test_clicks_on_few_of_many_images_are_found(photos, tmp_path, monkeypatch, most):
    config, images = config_of(photos, {'b.jpg': CLICKS['b.jpg']}), ['a.png', 'b.png']
    make_labels(config, TinyFeatureLabeller(**OPTIONS), str(tmp_path / 'all'))
    monkeypatch.setattr('mmseg_weak.labelling.labellers.features.NUM_IMAGES', most)
    make_labels(config, TinyFeatureLabeller(**OPTIONS), str(tmp_path / 'few'))
    found = zip(labels_in(tmp_path / 'all', images), labels_in(tmp_path / 'few', images))
    assert all(np.array_equal(*pair) for pair in found)


def test_no_class_is_left_out_with_the_images_that_do_not_teach(
    photos, wrong_labels, tmp_path, monkeypatch
):
    monkeypatch.setattr('mmseg_weak.labelling.labellers.features.NUM_IMAGES', 1)
    clicks = {'a.png': CLICKS['more/a.png'], 'b.jpg': CLICKS['b.jpg'][:1]}
    config, out = config_of(photos, clicks), tmp_path / 'labels'
    make_labels(config, TinyFeatureLabeller(**OPTIONS), str(out))
    assert set(np.unique(labels_in(out, ['more/c.png'])[0])) == {0, 1}
    # Of labels, by the tags.
    classes = [*CLASSES, 'circle']
    Image.fromarray(2 * truths()[3]).save(wrong_labels / 'more/c.png')
    manifest = dict(classes=classes, made_by='a test')
    (wrong_labels / 'manifest.json').write_text(json.dumps(manifest))
    tags = {image: ['square'] for image in IMAGES[:3]} | {'more/c': ['circle']}
    labeller = TinyColourLabeller(learn_from=str(wrong_labels), threshold=0.0)
    make_labels(tag_config(photos, tags, classes), labeller, str(tmp_path / 'tags'))
    found = labels_in(tmp_path / 'tags', ['more/c.png'])[0]
    assert (found != 2 * truths()[3]).mean() < 0.05


def test_images_without_three_channels_are_named(photos, tmp_path):
    config = config_of(photos, CLICKS)
    config.train_dataloader.dataset.pipeline[0]['color_type'] = 'grayscale'
    with pytest.raises(ValueError, match='a.png: the image has 1 channels, and three'):
        make_labels(config, TinyFeatureLabeller(**OPTIONS), str(tmp_path / 'labels'))


def test_a_prior_of_labels_that_were_replaced_is_not_reported(photos, gradient, tmp_path):
    learnt(photos, gradient, tmp_path / 'labels')
    config = config_of(photos, CLICKS)  # without a background
    labeller = TinyColourLabeller(learn_from=str(gradient), **OPTIONS)
    report = make_labels(config, labeller, str(tmp_path / 'labels'), overwrite=True)
    assert 'background_prior' not in report


def test_background_that_only_vocabularies_tell_is_labelled(photos, tmp_path):
    config = config_of(photos, CLICKS)
    dataset = config.train_dataloader.dataset
    dataset.metainfo.update(background='grass')
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    make_labels(config, TinyFeatureLabeller(**OPTIONS), str(whole))
    dataset.vocabulary = CLASSES  # a click on grass says "no square", and names nothing
    make_labels(config, TinyFeatureLabeller(**OPTIONS), str(parts))
    found = labels_in(parts, ['more/c.png'])[0]
    assert (found == labels_in(whole, ['more/c.png'])[0]).mean() > 0.98
