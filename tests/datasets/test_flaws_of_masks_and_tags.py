"""Flaws of tags, masks and checkpoints in a small part of each real set."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS
from PIL import Image
from real_part import IMAGES, TAGS
from toy import toy_model

from mmseg_weak.checkpoints import read_checkpoint, require_same_data
from mmseg_weak.datasets.class_splits import background_of
from mmseg_weak.engine.hooks import ClassCheckHook
from mmseg_weak.engine.hooks.launch_hooks import absent_classes
from mmseg_weak.evaluation.pseudo_label_quality import PseudoLabelQuality, format_summary


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


def test_a_validation_with_such_masks_is_told_of(part):
    areas = np.zeros(256, np.int64)
    for path in masks_of_the_part(part):
        mask = np.where(np.array(Image.open(path)) > 0, 255, 0)
        areas += np.bincount(mask.ravel(), minlength=256)
    shown = torch.from_numpy(areas[: len(part.classes)])
    assert '255, it means unknown' in absent_classes(shown, shown, part.classes)


@pytest.mark.parametrize('flaw', ['none', '0 and 255', '16 bits'])
def test_strong_masks(part, told, flaw):
    """Tags are those of the masks; the last of them is the weak class."""
    tags, masks = {}, {p.stem: np.array(Image.open(p)) for p in masks_of_the_part(part)}
    names = part.classes
    for name, mask in masks.items():
        ids = [i for i in np.unique(mask).tolist() if 0 < i < len(names)]
        tags[name] = [names[i] for i in ids]
        if flaw != 'none':
            wrong = np.where(mask > 0, 255 if flaw == '0 and 255' else 1000, 0)
            kind = np.uint8 if flaw == '0 and 255' else np.uint16
            path = part.root / f'SegmentationClass/{name}.png'
            Image.fromarray(wrong.astype(kind)).save(path)
    strong = [name for name in names[1:] if any(name in found for found in tags.values())]
    weak = [name for name in names[1:] if name not in strong] or [strong.pop()]
    some = any(set(shown) <= set(strong) for shown in tags.values())
    if names[0] != 'background' or not strong or not some:
        pytest.skip('no classes to part into strong and weak')
    (part.root / 'tags.json').write_text(json.dumps(tags))
    prefix = dict(img_path='JPEGImages', seg_map_path='SegmentationClass')
    inner = dict(
        type='BaseSegDataset',
        data_root=str(part.root),
        ann_file='train.txt',
        data_prefix=prefix,
        img_suffix='.jpg',
        metainfo=dict(classes=names),
    )
    settings = dict(
        type='StrongWeakDataset',
        dataset=inner,
        tags=str(part.root / 'tags.json'),
        strong_classes=strong,
        weak_classes=weak,
        images='strong',
        pipeline=TAGS[:1],
    )
    if flaw == 'none':
        assert len(DATASETS.build(settings))
        return
    message = '0 and 255 write the' if flaw == '0 and 255' else 'class id 1000'
    with pytest.raises(ValueError, match=message):
        DATASETS.build(settings)


def test_validation_sets_that_mean_other_ids(part):
    """Another class order, and ids from 1 instead of 0."""
    train = part.build()
    classes = train.metainfo['classes']

    def validation(**changes):
        settings = dict(
            type='BaseSegDataset',
            data_root=str(part.root),
            ann_file='train.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            metainfo=dict(classes=classes),
            pipeline=[],
        )
        return DATASETS.build(settings | changes)

    check = ClassCheckHook._check_validation
    check(train, validation())
    with pytest.raises(ValueError, match='reduce_zero_label is False .* and True for'):
        check(train, validation(reduce_zero_label=True))
    with pytest.raises(ValueError, match='training classes .* and validation classes'):
        check(train, validation(metainfo=dict(classes=classes[::-1])))


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
    meta = dict(dataset_meta=dict(classes=classes, reduce_zero_label=False))
    with pytest.raises(ValueError, match='reduce_zero_label=False, the data set has True'):
        require_same_data(dict(meta=meta), path, classes, None, True)
    meta['cfg'] = 'model = dict(data_preprocessor=dict(mean=[0.0], std=[1.0]))'
    with pytest.raises(ValueError, match=r'data_preprocessor\.\w+='):
        require_same_data(dict(meta=meta), path, classes, toy_model(), False)
    meta = dict(dataset_meta=dict(classes=swapped))
    weights['a'][1] = float('nan')
    torch.save(dict(meta=meta, state_dict=weights), path)
    with pytest.raises(ValueError, match='a is not finite'):
        read_checkpoint(path)
    assert Path(path).is_file()
