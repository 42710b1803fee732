"""Counts on real clicks (What's the Point on images of six animals of PASCAL VOC)."""

from pathlib import Path

import numpy as np
import pytest

from mmseg_weak.datasets import PascalVOCClickDataset

ROOT = Path(__file__).resolve().parents[2] / '..' / 'shared/data/voc_animals'
CLASSES = ('background', 'cat', 'cow', 'dog', 'horse', 'person', 'sheep')

pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason='needs voc_animals beside the repository'
)


def build(**kwargs):
    return PascalVOCClickDataset(
        data_root=str(ROOT),
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        background_click_file='points/bg_from_scribbles.json',
        **kwargs,
    )


def test_counts_of_all_classes():
    dataset = build(check_images=False)
    report = dataset.click_report
    assert report['images'] == 1776
    assert report['clicks_per_class']['background'] == 4744
    assert report['clicks'] - 4744 == 3792
    labels = [dataset.get_data_info(i)['click_labels'] for i in range(len(dataset))]
    assert sum((label > 0).sum() == 0 for label in labels) == 3
    assert sum((label == 0).sum() == 0 for label in labels) == 2


def test_counts_of_rank_one():
    report = build(check_images=False, max_rank=1).click_report
    assert report['clicks'] - report['clicks_per_class']['background'] == 2317


def test_flaws_of_the_original_are_counted():
    report = build(metainfo=dict(classes=CLASSES)).click_report
    dropped = report['dropped']
    kept = sum(report['clicks_per_class'].values())
    assert report['clicks'] == kept
    assert kept + dropped['ignored_class'] + dropped['outside_image'] == 3792 + 4744
    assert dropped['ignored_class'] > 0
    assert dropped['outside_image'] > 0
    assert dropped['not_in_split'] > 0
    assert 0 < report['labelled_share'] < 1e-4


def test_both_workers_of_the_supplement():
    main = build(check_images=False)
    supplement = PascalVOCClickDataset(
        data_root=str(ROOT),
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file=['points/main.json', 'points/supp.json'],
        check_images=False,
    )
    assert supplement.click_report['clicks'] > main.click_report['clicks'] - 4744


def test_samples_hold_the_clicks_they_report():
    dataset = build(
        metainfo=dict(classes=CLASSES),
        indices=20,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            dict(type='RandomFlip', prob=1.0),
            dict(type='RasterizeClicks'),
            dict(type='PackWeakSegInputs'),
        ],
    )
    for i in range(20):
        info, sample = dataset.get_data_info(i), dataset[i]['data_samples']
        seg_map = sample.gt_sem_seg.data[0].numpy()
        width = seg_map.shape[1]
        expected = np.full(seg_map.shape, 255)
        for (x, y), label in zip(
            np.floor(info['clicks']).astype(int), info['click_labels']
        ):
            expected[y, width - 1 - x] = label
        assert (seg_map == expected).all()
