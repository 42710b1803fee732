"""VOC preparation on a tiny devkit made here, and its splits on the real images."""

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets import PascalVOCClickDataset, voc_preparation
from mmseg_weak.datasets.mask_files import read_mask, write_mask
from mmseg_weak.datasets.voc_devkit import VOC_CLASSES, VOCDevkit
from mmseg_weak.datasets.voc_preparation import (
    ClickFiles,
    animal_splits,
    derive_animals,
    prepare_voc,
    train_aug_ids,
)

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'dataset_converters' / 'voc_clicks.py'
ANIMALS_DATA = ROOT.parent / 'shared' / 'data' / 'voc_animals'
PALETTE = np.arange(63).reshape(21, 3)
# Image id: (width, height), VOC ids in the mask, official split.
IMAGES = {
    'cat_1': ((500, 375), (8,), 'train'),
    'dog_1': ((375, 500), (12, 15), 'train'),
    'cow_1': ((200, 150), (10,), 'train'),
    'car_1': ((500, 333), (7,), 'train'),
    'mixed_1': ((400, 300), (8, 18), 'train'),
    'sheep_2': ((333, 500), (17,), 'sbd'),
    'horse_2': ((500, 332), (13, 15), 'sbd'),
    'bus_2': ((500, 400), (6,), 'sbd'),
    'cat_3': ((500, 375), (8,), 'val'),
    'extra_4': ((100, 100), (8,), 'none'),
}


def write_mask_of(path, size, ids, void):
    """Vertical bands of background and the classes."""
    bands = np.array([0, *ids], np.uint8)
    mask = np.repeat(bands, -(-size[0] // len(bands)))[None, : size[0]]
    mask = np.repeat(mask, size[1], axis=0).copy()
    if void:
        mask[0] = 255
    write_mask(path, mask, PALETTE)


def make_clicks(image_id):
    """One click on every class, one wrong, one outside."""
    size, ids, _ = IMAGES[image_id]
    clicks = [dict(x=100.25, y=50.5, rank=1, cls=c) for c in ids]
    return clicks + [dict(x=float(size[0]), y=3.0, rank=2, cls=20)]


@pytest.fixture
def devkit(tmp_path):
    """A devkit, SBD masks and click files below ``tmp_path``."""
    root = tmp_path / 'VOC2012'
    folders = ('JPEGImages', 'SegmentationClass', 'Annotations', 'ImageSets/Segmentation')
    for folder in (*(root / name for name in folders), tmp_path / 'aug'):
        folder.mkdir(parents=True)
    for image_id, (size, ids, split) in IMAGES.items():
        Image.new('RGB', size, (90, 30, 200)).save(root / 'JPEGImages' / f'{image_id}.jpg')
        boxes = ''.join(f'<object><name>{VOC_CLASSES[c]}</name></object>' for c in ids)
        xml = f'<annotation>{boxes}</annotation>'
        (root / 'Annotations' / f'{image_id}.xml').write_text(xml)
        if split in ('train', 'val'):
            path = root / 'SegmentationClass' / f'{image_id}.png'
            write_mask_of(path, size, ids, void=True)
        if split != 'none':
            write_mask_of(tmp_path / 'aug' / f'{image_id}.png', size, ids, void=False)
    for name in ('train', 'val'):
        ids = [i for i, (_, _, split) in IMAGES.items() if split == name]
        path = root / 'ImageSets' / 'Segmentation' / f'{name}.txt'
        path.write_text('\n'.join(ids) + '\n')
    clicked = {i: make_clicks(i) for i in IMAGES if i != 'cow_1'}
    clicked['not_there'] = [dict(x=1.0, y=1.0, rank=1, cls=1)]
    (tmp_path / 'main.json').write_text(json.dumps(clicked))
    (tmp_path / 'supp.json').write_text(json.dumps({'cat_1': make_clicks('cat_1')}))
    background = {i: [dict(x=3.0, y=4.0, cls=0)] for i in IMAGES if i != 'extra_4'}
    (tmp_path / 'bg.json').write_text(json.dumps(background))
    return root


@pytest.fixture
def files(devkit):
    folder = devkit.parent
    return ClickFiles(*(str(folder / f'{name}.json') for name in ('main', 'supp', 'bg')))


@pytest.fixture
def few_dev(monkeypatch):
    monkeypatch.setattr(voc_preparation, 'ANIMALS_DEV', 2)


TRAIN_AUG = sorted(i for i, v in IMAGES.items() if v[2] in ('train', 'sbd'))


@pytest.mark.parametrize('with_masks', [True, False])
def test_train_aug_is_train_and_sbd_without_val(devkit, files, with_masks):
    kit = VOCDevkit(devkit, devkit.parent / 'aug' if with_masks else None)
    assert train_aug_ids(kit, files.load()) == TRAIN_AUG


def test_an_image_that_is_absent_is_not_in_train_aug(devkit, files):
    (devkit / 'JPEGImages' / 'horse_2.jpg').unlink()
    ids = train_aug_ids(VOCDevkit(devkit), files.load())
    assert ids == [i for i in TRAIN_AUG if i != 'horse_2']


def test_prepared_files_and_report(devkit, files):
    report = prepare_voc(VOCDevkit(devkit), files)
    lists = devkit / 'ImageSets' / 'Segmentation'
    assert (lists / 'train_aug.txt').read_text().split() == TRAIN_AUG
    main = json.loads((devkit / 'points' / 'main.json').read_text())
    assert main == {i: make_clicks(i) if i != 'cow_1' else [] for i in TRAIN_AUG}
    background = json.loads((devkit / 'points' / 'bg_from_scribbles.json').read_text())
    assert background == {i: [dict(x=3.0, y=4.0, cls=0)] for i in TRAIN_AUG}
    assert json.loads((devkit / 'points' / 'report.json').read_text()) == report
    assert report['train_aug'] == 8
    assert report['main'] == dict(
        clicks=17,
        rank_1=10,
        outside_image=7,
        images_without_clicks=1,
        val_images=1,
        unknown_images=2,
    )
    assert report['supp']['images_without_clicks'] == 7


def test_the_click_data_set_reads_what_was_prepared(devkit, files):
    prepare_voc(VOCDevkit(devkit), files)
    dataset = PascalVOCClickDataset(
        data_root=str(devkit),
        ann_file='ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        background_click_file='points/bg_from_scribbles.json',
        pipeline=[],
    )
    assert len(dataset) == 8
    assert dataset.click_report['dropped']['not_in_split'] == 0
    assert dataset.click_report['dropped']['outside_image'] == 7


@pytest.mark.parametrize('with_masks', [True, False])
def test_animals(devkit, files, tmp_path, few_dev, with_masks):
    out = tmp_path / 'animals'
    kit = VOCDevkit(devkit, devkit.parent / 'aug' if with_masks else None)
    sizes = derive_animals(kit, files, out)
    lists = out / 'ImageSets' / 'Segmentation'
    train, dev = ((lists / f'{n}.txt').read_text().split() for n in ('train', 'dev'))
    clean = ['cat_1', 'cow_1', 'dog_1']
    assert dev == sorted(random.Random(0).sample(clean, 2))
    assert sorted(train + dev) == sorted([*clean, 'horse_2', 'sheep_2'])
    assert sizes == dict(train=3, dev=2)

    expected = dict(cat_1=(300, 225), cow_1=(200, 150), horse_2=(300, 199))
    for image_id, size in expected.items():
        assert Image.open(out / 'JPEGImages' / f'{image_id}.jpg').size == size
    mask = read_mask(out / 'SegmentationClass' / 'cat_1.png')
    assert mask.shape == (225, 300)
    assert set(np.unique(mask)) == {0, 8, 255}
    assert (mask[5, :149] == 0).all() and (mask[5, 151:] == 8).all()
    assert (out / 'SegmentationClass' / 'horse_2.png').exists() == with_masks

    main = json.loads((out / 'points' / 'main.json').read_text())
    assert sorted(main) == sorted(train + dev)
    assert main['cow_1'] == []
    x, y = round(100.25 * 300 / 500, 2), round(50.5 * 199 / 332, 2)
    assert main['horse_2'][0] == dict(x=x, y=y, rank=1, cls=13)
    assert main['horse_2'][-1] == dict(x=300.0, y=round(3 * 199 / 332, 2), rank=2, cls=20)
    assert list(tmp_path.glob('.animals*')) == []


def test_classes_are_those_of_the_masks_where_there_are_masks(devkit):
    xml = devkit / 'Annotations' / 'cat_1.xml'
    xml.write_text('<annotation><object><name>sofa</name></object></annotation>')
    assert VOCDevkit(devkit).classes_of('cat_1') == {'sofa'}
    assert VOCDevkit(devkit, devkit.parent / 'aug').classes_of('cat_1') == {'cat'}


def test_missing_and_broken_files_are_named(devkit, files, tmp_path):
    with pytest.raises(FileNotFoundError, match='JPEGImages not found: the first argument'):
        VOCDevkit(tmp_path)
    with pytest.raises(FileNotFoundError, match='mask folder not found: .*nowhere'):
        VOCDevkit(devkit, tmp_path / 'nowhere')
    absent = ClickFiles(files.main, files.supp, str(tmp_path / 'absent.json'))
    with pytest.raises(FileNotFoundError, match=r'absent\.json'):
        prepare_voc(VOCDevkit(devkit), absent)
    swapped = ClickFiles(files.main, files.supp, files.main)
    with pytest.raises(ValueError, match=r"main\.json: image 'cat_1', entry 0: class 8"):
        prepare_voc(VOCDevkit(devkit), swapped)
    assert not (devkit / 'points').exists()

    kit = VOCDevkit(devkit)
    xml = devkit / 'Annotations' / 'cat_1.xml'
    xml.write_text('<annotation><object><name>unicorn</name></object></annotation>')
    with pytest.raises(ValueError, match=r"cat_1\.xml: unknown class 'unicorn'"):
        kit.classes_of('cat_1')
    xml.write_text('<annotation>')
    with pytest.raises(ValueError, match=r'cat_1\.xml: not valid XML'):
        kit.classes_of('cat_1')
    xml.unlink()
    with pytest.raises(FileNotFoundError, match='classes of cat_1 are not known'):
        kit.classes_of('cat_1')
    write_mask(
        devkit / 'SegmentationClass' / 'cat_1.png', np.full((4, 4), 77, np.uint8), PALETTE
    )
    with pytest.raises(ValueError, match=r'cat_1\.png: class id 77'):
        VOCDevkit(devkit, devkit.parent / 'aug').classes_of('cat_1')
    (devkit / 'ImageSets' / 'Segmentation' / 'val.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'val\.txt'):
        VOCDevkit(devkit)


def test_animals_never_overwrite_and_need_enough_images(devkit, files, tmp_path):
    kit = VOCDevkit(devkit)
    with pytest.raises(ValueError, match='3 images of the official train list'):
        derive_animals(kit, files, tmp_path / 'animals')
    assert not (tmp_path / 'animals').exists()
    with pytest.raises(ValueError, match='exists; remove it'):
        derive_animals(kit, files, tmp_path)


def test_tool(devkit, files, tmp_path, monkeypatch, capsys, few_dev):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    import voc_clicks

    arguments = [str(devkit), '--animals', str(tmp_path / 'animals')]
    for name in ('main', 'supp', 'background'):
        arguments += [f'--{name}', getattr(files, name)]
    monkeypatch.setattr(sys, 'argv', ['voc_clicks.py', *arguments])
    voc_clicks.main()
    printed = capsys.readouterr().out
    assert 'train_aug: 8 images (the literature has 10582)' in printed
    assert 'points/main.json: clicks 17, rank_1 10, outside_image 7' in printed
    assert 'train 3, dev 2' in printed


@pytest.mark.skipif(
    not ANIMALS_DATA.is_dir(), reason=f'voc_animals is not at {ANIMALS_DATA}'
)
def test_the_published_split_comes_out_of_the_real_images(tmp_path):
    lists = ANIMALS_DATA / 'ImageSets' / 'Segmentation'
    train, dev = ((lists / f'{n}.txt').read_text().split() for n in ('train', 'dev'))
    masks = ANIMALS_DATA / 'SegmentationClass'
    # Official masks have a void border around objects, SBD's have not.
    clean = [i for i in train + dev if (read_mask(masks / f'{i}.png') == 255).any()]
    root = tmp_path / 'VOC2012'
    (root / 'ImageSets' / 'Segmentation').mkdir(parents=True)
    (root / 'JPEGImages').symlink_to(ANIMALS_DATA / 'JPEGImages')
    (root / 'SegmentationClass').symlink_to(masks)
    for name, ids in dict(train=clean, val=['2007_000033']).items():
        (root / 'ImageSets' / 'Segmentation' / f'{name}.txt').write_text('\n'.join(ids))
    kit = VOCDevkit(root, masks)
    splits = animal_splits(kit, sorted(train + dev))
    assert splits == dict(train=train, dev=dev)
