"""A small part of each real set, and what the start check says when a flaw is put in."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image
from toy import REPOSITORY, toy_model

from mmseg_weak.checkpoints import read_checkpoint, require_same_data
from mmseg_weak.datasets.class_splits import background_of
from mmseg_weak.datasets.image_open import large_images
from mmseg_weak.evaluation.pseudo_label_quality import PseudoLabelQuality, format_summary

SETS, IMAGES = ('msrc21', 'nuclei', 'weeds', 'voc_animals'), 8
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
TAGS = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    dict(type='PackWeakSegInputs'),
]


class Part:
    """Copy of some images of a set, with what belongs to them."""

    def __init__(self, name, folder):
        source = REPOSITORY / 'data' / name
        if not source.is_dir():
            pytest.skip(f'needs data/{name}, see docs/data.md')
        kind = 'voc_animals' if name == 'voc_animals' else 'small_set'
        path = REPOSITORY / f'configs/_base_/datasets/{kind}_clicks.py'
        settings = Config.fromfile(path).train_dataloader.dataset
        while 'dataset' in settings:
            settings = settings.dataset
        self.root, self.metainfo = folder, settings.get('metainfo')
        self.type = settings.type
        known = json.loads((source / 'points/main.json').read_text())
        listed = (source / settings.ann_file).read_text().split()
        names = [n for n in listed if len(known.get(n, ())) > 2][:IMAGES]
        assert len(names) == IMAGES
        for below, suffix in (('JPEGImages', '.jpg'), ('SegmentationClass', '.png')):
            (folder / below).mkdir()
            for image in names:
                file = source / below / f'{image}{suffix}'
                if file.is_file():
                    shutil.copy(file, folder / below)
        self.names = names
        self.clicks = {n: known[n] for n in names}
        self.write()
        (folder / 'train.txt').write_text('\n'.join(names) + '\n')

    def write(self):
        (self.root / 'clicks.json').write_text(json.dumps(self.clicks))

    def image(self, i=0):
        return self.root / f'JPEGImages/{self.names[i]}.jpg'

    def sizes(self):
        with large_images():
            return {n: Image.open(self.image(i)).size for i, n in enumerate(self.names)}

    def move(self, change):
        """Change every position; (x, y, width, height) to (x, y)."""
        sizes = self.sizes()
        for name, entries in self.clicks.items():
            for entry in entries:
                entry['x'], entry['y'] = change(entry['x'], entry['y'], *sizes[name])
        self.write()

    def build(self, **changes):
        settings = dict(
            type=self.type,
            data_root=str(self.root),
            data_prefix=dict(img_path='JPEGImages'),
            ann_file='train.txt',
            img_suffix='.jpg',
            click_file='clicks.json',
            metainfo=self.metainfo,
            pipeline=PIPELINE,
        )
        return DATASETS.build(settings | changes)

    @property
    def classes(self):
        """Of the ids in the files; fewer may be trained."""
        own = DATASETS.get(self.type).METAINFO.get('classes')
        return tuple(own or self.metainfo['classes'])


@pytest.fixture(params=SETS)
def part(request, tmp_path, monkeypatch):
    monkeypatch.setenv('SET', request.param)
    return Part(request.param, tmp_path)


@pytest.fixture
def told(monkeypatch):
    """What data sets say."""
    lines = []

    def keep(text, logger=None, level=logging.INFO):
        lines.append(str(text))

    monkeypatch.setattr('mmseg_weak.datasets.messages.print_log', keep)
    return lines


def fractions(part):
    part.move(lambda x, y, w, h: (x / w, y / h))
    return 'fractions'


def percent(part):
    part.move(lambda x, y, w, h: (100 * x / w, 100 * y / h))
    return 'percent'


def one_pixel(part):
    part.move(lambda x, y, w, h: (7, 9))
    return 'one pixel|unlabelled|several classes'


def unknown_class(part):
    part.clicks[part.names[2]][1]['cls'] = 'no such class'
    part.write()
    return f'{part.names[2]}.*no such class'


def endless_position(part):
    part.clicks[part.names[1]][0]['x'] = float('inf')
    part.write()
    return f'{part.names[1]}.*finite'


def cut_photograph(part):
    content = part.image(3).read_bytes()
    part.image(3).write_bytes(content[: len(content) // 2])
    return f'1 of {IMAGES} images are truncated.*{part.names[3]}'


def absent_photograph(part):
    part.image(4).unlink()
    return f'1 of {IMAGES} images not found.*{part.names[4]}'


def twelve_bits(part):
    for i in range(IMAGES):
        grey = np.array(Image.open(part.image(i)).convert('L')).astype(np.uint16) * 16
        Image.fromarray(grey).save(part.image(i).with_suffix('.png'))
        part.image(i).unlink()
    part.suffix = '.png'
    return 'have 16 bits a channel .*LoadDeepImage'


def cut_clicks(part):
    path = part.root / 'clicks.json'
    path.write_bytes(path.read_bytes()[:-20])
    return 'clicks.json: not valid JSON'


def binary_list(part):
    (part.root / 'train.txt').write_bytes('\n'.join(part.names).encode('utf-16-le'))
    return 'train.txt'


FLAWS = (
    fractions,
    percent,
    one_pixel,
    unknown_class,
    endless_position,
    cut_photograph,
    absent_photograph,
    twelve_bits,
    cut_clicks,
    binary_list,
)


def test_the_part_itself_is_fine(part, told):
    dataset = part.build(check_images='decode')
    assert len(dataset) == IMAGES
    assert not [line for line in told if 'one pixel' in line or 'bits a channel' in line]


@pytest.mark.parametrize('flaw', FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flaw_is_refused_in_one_line(flaw, part):
    message = flaw(part)
    suffix = getattr(part, 'suffix', '.jpg')
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        part.build(img_suffix=suffix)
    assert '\n' not in str(error.value) and len(str(error.value)) < 600


def test_what_is_taken_is_told_of(part, told):
    """Another case, a hidden folder, UTF-16 with its mark, a column nobody reads."""
    part.image(0).rename(part.image(0).with_suffix('.JPG'))
    hidden = part.root / 'JPEGImages/.ipynb_checkpoints'
    hidden.mkdir()
    shutil.copy(part.image(1), hidden / f'{part.names[1]}-checkpoint.jpg')
    (part.root / 'train.txt').write_text('\n'.join(part.names), encoding='utf-16')
    rows = [
        f'{name},{e["x"]},{e["y"]},{part.classes[e["cls"]]},no'
        for name, entries in part.clicks.items()
        for e in entries
    ]
    head = 'image,x,y,class,EstimatedYesNo'
    (part.root / 'clicks.csv').write_text('\n'.join([head, *rows]) + '\n')
    assert len(part.build(click_file='clicks.csv')) == IMAGES
    assert any('EstimatedYesNo' in line for line in told)
    assert len(part.build(ann_file='')) == IMAGES


def test_statements_about_absence_stay(part, told):
    """An image stated to show nothing stays; a class on every image is told of."""
    name = part.metainfo['classes'][-1]
    if background_of(part.metainfo) is None:
        pytest.skip('every class of the set is one of things')
    tags = {image: [name] for image in part.names}
    (part.root / 'tags.json').write_text(json.dumps(tags))
    settings = dict(type='ImageTagDataset', tag_file='tags.json', pipeline=TAGS)
    settings['click_file'] = None
    part.build(**settings)
    assert any('every image' in line for line in told)
    tags[part.names[0]] = []
    (part.root / 'tags.json').write_text(json.dumps(tags))
    dataset = part.build(**settings)
    assert len(dataset) == IMAGES and dataset.get_data_info(0)['tags'] == ()


def masks_of_the_part(part):
    paths = [part.root / f'SegmentationClass/{name}.png' for name in part.names]
    paths = [path for path in paths if path.is_file()]
    if len(paths) < 2:
        pytest.skip('masks of other images')
    return paths


def test_masks_of_0_and_255_are_seen_through(part):
    """The labels are right, and the scores are not believed."""
    quality = PseudoLabelQuality(part.classes)
    for path in masks_of_the_part(part):
        mask = np.array(Image.open(path))
        labels = np.where(mask == 255, 0, mask).astype(np.uint8)
        quality.add(labels, np.where(labels > 0, 255, 0).astype(np.uint8))
    text = format_summary(quality.summary())
    assert 'the masks hold 0 and 255: 255 means unknown' in text


def test_whole_masks_need_no_word(part):
    quality = PseudoLabelQuality(part.classes)
    for path in masks_of_the_part(part):
        mask = np.array(Image.open(path))
        quality.add(np.where(mask == 255, 0, mask).astype(np.uint8), mask)
    assert 'warning' not in format_summary(quality.summary())


def test_a_checkpoint_of_another_order_or_of_a_dead_training(part, tmp_path):
    path, classes = str(tmp_path / 'a.pth'), part.classes
    swapped = (classes[0], *classes[:0:-1])
    if swapped == classes:
        swapped = classes[::-1]
    meta = dict(dataset_meta=dict(classes=swapped))
    weights = dict(a=torch.zeros(2))
    torch.save(dict(meta=meta, state_dict=weights), path)
    with pytest.raises(ValueError, match='was trained on the classes .* order'):
        require_same_data(read_checkpoint(path), path, classes, toy_model())
    weights['a'][1] = float('nan')
    torch.save(dict(meta=meta, state_dict=weights), path)
    with pytest.raises(ValueError, match='a is not finite'):
        read_checkpoint(path)
    assert Path(path).is_file()
