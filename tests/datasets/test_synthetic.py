"""The synthetic set: the same bytes from the same seed, whole or not at all."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets import ClickDataset
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.datasets.synthetic import (
    SYNTHETIC_CLASSES,
    SYNTHETIC_PALETTE,
    SyntheticSpec,
    draw_sample,
    make_synthetic,
)

TOOL = Path(__file__).resolve().parents[2] / 'tools/dataset_converters/make_synthetic.py'
SMALL = SyntheticSpec(num_train=4, num_val=2)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.fixture(scope='module')
def small_set(tmp_path_factory):
    root = tmp_path_factory.mktemp('synthetic') / 'deep' / 'set'
    assert make_synthetic(root, SMALL)
    return root


def test_same_seed_same_bytes_other_seed_other_images(small_set, tmp_path):
    make_synthetic(tmp_path / 'again', SMALL)
    assert contents(tmp_path / 'again') == contents(small_set)
    image, _ = draw_sample(SMALL, 'train_0000')
    other, _ = draw_sample(SyntheticSpec(seed=1), 'train_0000')
    assert image.shape != other.shape or (image != other).any()


def test_a_sample_does_not_depend_on_how_many_there_are(small_set):
    _, mask = draw_sample(SyntheticSpec(num_train=1), 'val_0001')
    np.testing.assert_array_equal(
        mask, read_mask(small_set / 'SegmentationClass' / 'val_0001.png')
    )


def test_files_are_those_of_an_ordinary_data_set(small_set):
    train, val = (
        (small_set / 'ImageSets' / f'{split}.txt').read_text().split()
        for split in ('train', 'val')
    )
    assert (len(train), len(val)) == (4, 2)
    for image_id in train + val:
        with Image.open(small_set / 'JPEGImages' / f'{image_id}.jpg') as image:
            assert image.mode == 'RGB'
            assert 96 <= min(image.size) <= max(image.size) <= 128
            size = image.size
        with Image.open(small_set / 'SegmentationClass' / f'{image_id}.png') as mask:
            assert (mask.mode, mask.size) == ('P', size)
            colours = np.array(mask.getpalette()[:18]).reshape(6, 3)
            np.testing.assert_array_equal(colours, SYNTHETIC_PALETTE)


def test_images_hold_several_classes_and_every_class_occurs():
    masks = [draw_sample(SyntheticSpec(), f'train_{i:04d}')[1] for i in range(60)]
    shares = np.stack([np.bincount(m.ravel(), minlength=6) / m.size for m in masks])
    assert shares.shape[1] == len(SYNTHETIC_CLASSES) == len(SYNTHETIC_PALETTE)
    assert (shares.mean(0)[1:] > 0.02).all()
    assert 0.5 < shares[:, 0].mean() < 0.9
    assert ((shares[:, 1:] > 0).sum(1) >= 2).mean() > 0.6


def test_images_look_different_inside_and_outside_the_objects():
    """A mask that is shifted against its image would not pass."""
    gain = []
    for i in range(20):
        image, mask = draw_sample(SyntheticSpec(), f'train_{i:04d}')
        edge = np.abs(np.diff(image.astype(float), axis=1)).sum(-1)
        border = np.diff(mask.astype(int), axis=1) != 0
        gain.append(edge[border].mean() / edge[~border].mean())
    assert np.mean(gain) > 1.5


def test_clicks_are_of_training_images_and_right(small_set):
    train = (small_set / 'ImageSets' / 'train.txt').read_text().split()
    for name, lowest in (('clicks', 1), ('background', 0)):
        clicks = json.loads((small_set / 'points' / f'{name}.json').read_text())
        assert list(clicks) == train
        for image_id, entries in clicks.items():
            mask = read_mask(small_set / 'SegmentationClass' / f'{image_id}.png')
            assert entries
            for c in entries:
                assert mask[int(c['y']), int(c['x'])] == c['cls'] >= lowest


def test_the_click_data_set_reads_it(small_set):
    dataset = ClickDataset(
        data_root=str(small_set),
        ann_file='ImageSets/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/clicks.json',
        background_click_file='points/background.json',
        metainfo=dict(classes=SYNTHETIC_CLASSES, palette=SYNTHETIC_PALETTE),
        pipeline=[],
    )
    assert dataset.click_report['images'] == 4
    assert dataset.click_report['images_without_clicks'] == 0
    assert sum(dataset.click_report['dropped'].values()) == 0
    assert dataset.click_report['clicks_per_class']['background'] == 12


def test_a_finished_set_is_left_alone_and_a_broken_one_replaced(tmp_path):
    root = tmp_path / 'set'
    assert make_synthetic(root, SMALL)
    before = contents(root)
    assert not make_synthetic(root, SMALL)
    victim = root / 'JPEGImages' / 'train_0001.jpg'
    victim.write_bytes(victim.read_bytes()[:-20])
    assert make_synthetic(root, SMALL)
    assert contents(root) == before
    (root / 'SegmentationClass' / 'val_0000.png').unlink()
    assert make_synthetic(root, SMALL)
    assert contents(root) == before
    (root / 'manifest.json').write_text('{"spec"')
    assert make_synthetic(root, SMALL)
    assert contents(root) == before
    assert make_synthetic(root, SyntheticSpec(num_train=1, num_val=1))
    assert len(list((root / 'JPEGImages').iterdir())) == 2
    assert list(tmp_path.iterdir()) == [root]


def test_a_set_of_an_older_drawing_is_replaced(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr('mmseg_weak.datasets.synthetic.DRAWING_VERSION', -1)
        assert make_synthetic(tmp_path / 'set', SMALL)
        assert not make_synthetic(tmp_path / 'set', SMALL)
    assert make_synthetic(tmp_path / 'set', SMALL)


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('mmseg_weak.datasets.synthetic._manifest', interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_synthetic(tmp_path / 'set', SMALL)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_others_are_never_replaced(tmp_path):
    (tmp_path / 'thesis.txt').write_text('three years')
    with pytest.raises(ValueError, match='is no synthetic set'):
        make_synthetic(tmp_path, SMALL)
    with pytest.raises(ValueError, match='is no synthetic set'):
        make_synthetic(tmp_path / 'thesis.txt', SMALL)
    assert (tmp_path / 'thesis.txt').read_text() == 'three years'


@pytest.mark.parametrize(
    'option',
    [
        dict(num_train=0),
        dict(num_val=0),
        dict(min_size=20),
        dict(max_size=64),
        dict(background_clicks=-1),
        dict(seed=-1),
    ],
)
def test_options_out_of_range_are_refused_by_name(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        SyntheticSpec(**option)


def test_tool(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    import make_synthetic as tool

    argv = ['x', '--out', str(tmp_path / 'set'), '--num-train', '1', '--num-val', '1']
    monkeypatch.setattr(sys, 'argv', argv)
    tool.main()
    tool.main()
    assert [line.split(': ')[1] for line in capsys.readouterr().out.splitlines()] == [
        'made',
        'already there',
    ]
