"""Scores by group equal those of scikit-learn."""

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS
from sklearn.metrics import jaccard_score

from mmseg_weak.evaluation.strong_weak_iou_metric import strong_weak_scores

CLASSES = ('background', 'a', 'b', 'c', 'd')


def evaluate(pairs, **options):
    options = {**dict(strong_classes=['a', 'c'], weak_classes=['b', 'd']), **options}
    metric = METRICS.build(dict(type='StrongWeakIoUMetric', **options))
    metric.dataset_meta = dict(classes=CLASSES)
    for prediction, mask in pairs:
        metric.process(
            {},
            [
                dict(
                    pred_sem_seg=dict(data=torch.as_tensor(prediction)[None]),
                    gt_sem_seg=dict(data=torch.as_tensor(mask)[None]),
                )
            ],
        )
    return metric.evaluate(len(pairs))


def random_pairs(classes=5):
    rng = np.random.default_rng(0)
    masks = rng.integers(0, classes, (3, 20, 30))
    predictions = np.where(rng.random(masks.shape) < 0.6, masks, (masks + 1) % classes)
    masks[:, :2] = 255
    return list(zip(predictions, masks))


def test_equals_scikit_learn():
    pairs = random_pairs()
    full = dict(mIoU=80, mIoU_weak=50)
    metrics = evaluate(pairs, full_result=full)
    prediction, mask = (np.concatenate([p[i].ravel() for p in pairs]) for i in (0, 1))
    valid = mask != 255
    iou = 100 * jaccard_score(mask[valid], prediction[valid], average=None)
    assert metrics['mIoU'] == pytest.approx(iou.mean())
    assert metrics['mIoU_strong'] == pytest.approx(iou[[1, 3]].mean())
    assert metrics['mIoU_weak'] == pytest.approx(iou[[2, 4]].mean())
    harmonic = 2 / (1 / iou[[1, 3]].mean() + 1 / iou[[2, 4]].mean())
    assert metrics['mIoU_harmonic'] == pytest.approx(harmonic)
    assert metrics['ratio'] == pytest.approx(iou.mean() / 80)
    assert metrics['ratio_weak'] == pytest.approx(iou[[2, 4]].mean() / 50)
    assert [metrics[f'IoU.{name}'] for name in CLASSES] == pytest.approx(iou.tolist())
    assert evaluate(pairs, full_result=80.0)['ratio'] == pytest.approx(iou.mean() / 80)


def test_classes_that_do_not_count():
    pairs = random_pairs(4)  # no pixel of d
    assert np.isnan(evaluate(pairs)['IoU.d'])
    some = evaluate(pairs, scored_classes=['background', 'b'])
    assert some['mIoU'] == pytest.approx((some['IoU.background'] + some['IoU.b']) / 2)
    assert np.isnan(some['mIoU_strong']) and some['mIoU_weak'] == some['IoU.b']


def test_harmonic_mean_of_nothing():
    assert strong_weak_scores(np.zeros(3), [1], [2])['mIoU_harmonic'] == 0
    assert strong_weak_scores(np.array([9, 50.0, 0]), [1], [2])['mIoU_harmonic'] == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(full_result=0), 'full_result must be'),
        (dict(full_result=dict(IoU=3)), 'full_result must be'),
        (dict(weak_classes=['b']), 'd neither strong nor weak'),
        (dict(scored_classes=['z']), 'scored_classes: z'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(random_pairs(), **options)
