"""Scores at clicks, against scikit-learn and counting by hand."""

import csv

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image
from sklearn.metrics import accuracy_score, jaccard_score

from mmseg_weak.evaluation import ClickIoUMetric
from mmseg_weak.evaluation.click_iou_metric import label_support
from mmseg_weak.evaluation.click_scores import score_clicks
from mmseg_weak.evaluation.grown_clicks import grow_clicks, grown_confusion

CLASSES = ('background', 'cat', 'dog')


def sample(name, mask, clicks, labels, scale=1.0, logits=None):
    """A prediction in the size of the photograph, clicks in that of the network."""
    height, width = mask.shape
    shape = (round(height * scale), round(width * scale))
    meta = dict(img_id=name, ori_shape=mask.shape, img_shape=shape)
    meta['img_path'] = f'{name}.png'
    meta.update(clicks=np.array(clicks, np.float32) * scale, click_labels=np.array(labels))
    result = SegDataSample(metainfo=meta)
    result.pred_sem_seg = PixelData(data=torch.as_tensor(mask)[None])
    if logits is not None:
        result.seg_logits = PixelData(data=logits)
    return {**result.metainfo, **{k: dict(data=v.data) for k, v in result.items()}}


def evaluate(samples, grown=False, **options):
    metric = ClickIoUMetric(grown=grown, **options)
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    image = np.sort(rng.integers(0, 20, 200))
    scores = score_clicks(image, truth, found, 5)
    expected = jaccard_score(truth, found, labels=[0, 1, 2], average=None)
    np.testing.assert_allclose(scores.iou[:3], 100 * expected)
    assert np.isnan(scores.iou[3:]).all()
    assert scores.miou == pytest.approx(100 * expected.mean())
    assert scores.accuracy == pytest.approx(100 * accuracy_score(truth, found))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Of sets drawn from known rates, about 95 % of the intervals hold the known score."""
    rng, hits = np.random.default_rng(1), 0
    large = 400_000
    truth = rng.integers(0, 2, large)
    found = np.where(rng.random(large) < 0.8, truth, 1 - truth)
    exact = score_clicks(np.arange(large) // 100_000, truth, found, 2, rounds=1).miou
    for _ in range(100):
        truth = rng.integers(0, 2, 300)
        found = np.where(rng.random(300) < 0.8, truth, 1 - truth)
        low, high = score_clicks(np.arange(300) // 3, truth, found, 2, rounds=300).interval
        hits += low <= exact <= high
    assert 88 <= hits <= 99


@pytest.mark.parametrize('scale', [1.0, 0.5, 3.0])
def test_clicks_are_read_where_they_were_made(scale):
    mask = np.zeros((20, 30), dtype=np.int64)
    mask[10, 20], mask[0, 29] = 1, 2
    clicks = [(20.5, 10.5), (29.9, 0.1), (3.5, 3.5), (21.5, 10.5)]
    scores = evaluate([sample('a', mask, clicks, [1, 2, 0, 1], scale)])
    assert scores['click/accuracy'] == 75
    assert scores['click/mIoU'] == pytest.approx(100 * (1 / 2 + 1 + 1 / 2) / 3)
    assert scores['click/mIoU_low'] <= scores['click/mIoU'] <= scores['click/mIoU_high']


def test_support_is_the_best_probability_around_a_click():
    logits = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(0))
    pixels, labels = np.array([(0, 0), (25, 10), (49, 39)]), np.array([2, 0, 1])
    probability = logits.softmax(0).numpy()
    expected = [
        probability[label, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
        for (x, y), label in zip(pixels, labels)
    ]
    np.testing.assert_allclose(label_support(logits, pixels, labels), expected, rtol=1e-6)


def test_a_single_output_holds_probabilities():
    probs = torch.full((1, 20, 20), 0.05)
    pixels, labels = np.array([(5, 5), (15, 15)]), np.array([0, 1])
    np.testing.assert_allclose(label_support(probs, pixels, labels), [0.95, 0.05])


def test_a_click_against_everything_around_it_is_listed(tmp_path):
    logits = torch.zeros(3, 20, 20)
    logits[1] = 8
    mask = logits.argmax(0).numpy()
    clicks, labels = [(5.5, 5.5), (15.5, 8.5)], [1, 2]
    evaluate([sample('a', mask, clicks, labels, logits=logits)], output_dir=str(tmp_path))
    with open(tmp_path / 'suspicious_clicks.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(r['image'], r['x'], r['class'], r['around it']) for r in rows] == [
        ('a', '15.5', 'dog', 'cat')
    ]


def test_clicks_grow_to_the_edges_of_colours():
    image = np.full((60, 90, 3), 40, np.uint8)
    image[10:50, 20:70] = (200, 60, 30)
    labels = grow_clicks(image, np.array([(45.5, 30.5), (3.5, 3.5)]), np.array([2, 0]), 3)
    inside = (image == (200, 60, 30)).all(-1)
    assert (labels[inside] == 2).mean() > 0.97
    assert (labels[~inside] == 0).mean() > 0.97
    # Large photographs grow at 320 pixels, one class alone not at all.
    large = np.zeros((500, 1000, 3), np.uint8)
    large[:, 500:] = 255
    labels = grow_clicks(large, np.array([(300, 250), (700, 250)]), np.array([1, 2]), 3)
    assert labels.shape == (160, 320)
    assert (labels[:, :158] == 1).all() and (labels[:, 162:] == 2).all()
    assert (grow_clicks(large, np.array([(10, 10)]), np.array([1]), 3) == 255).all()


def test_grown_clicks_see_edges_that_clicks_do_not(tmp_path):
    image = np.full((40, 60, 3), 40, np.uint8)
    image[:, 30:] = 220
    Image.fromarray(image).save(tmp_path / 'a.png')
    clicks, labels = [(15.5, 20.5), (45.5, 20.5)], [0, 1]
    scores = []
    for border in (30, 24):
        mask = np.zeros((40, 60), np.int64)
        mask[:, border:] = 1
        one = sample('a', mask, clicks, labels)
        one['img_path'] = str(tmp_path / 'a.png')
        scores.append(evaluate([one], grown=True, output_dir=str(tmp_path / 'out')))
        written = np.array(Image.open(tmp_path / 'out' / 'a.png'))
        np.testing.assert_array_equal(written, mask)
    assert [s['click/mIoU'] for s in scores] == [100, 100]
    assert scores[0]['click/grown_mIoU'] == 100
    assert scores[1]['click/grown_mIoU'] == pytest.approx(100 * (24 / 30 + 30 / 36) / 2)
    counts = grown_confusion(
        image, np.array(clicks), np.array(labels), torch.as_tensor(mask), 2
    )
    np.testing.assert_array_equal(counts, [[24 * 40, 6 * 40], [0, 30 * 40]])


def test_mistakes_are_one_line():
    with pytest.raises(ValueError, match='ClickIoUMetric needs the clicks'):
        ClickIoUMetric().process({}, [dict(img_path='a.jpg')])
    with pytest.raises(ValueError, match='no click to score'):
        score_clicks(*[np.zeros(0, int)] * 3, 3)
    with pytest.raises(ValueError, match=r'ClickIoUMetric: confidence must be in \[0, 1\]'):
        ClickIoUMetric(confidence=95)
