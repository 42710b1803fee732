"""Classes that no mask shows are named, where the numbers alone say nan or 0."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS

from mmseg_weak.engine.hooks.launch_hooks import AbsentClassesHook

CLASSES = ('background', 'square', 'disc')
METRIC = dict(strong_classes=['square'], weak_classes=['disc'])


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmseg_weak.engine.hooks.launch_hooks.print_log',
        lambda text, **_: lines.append(text),
    )
    return lines


def evaluate(metric, mask, predicted, test=False):
    """Scores of one image of two pixels."""
    metric = METRICS.build(metric)
    metric.dataset_meta = dict(classes=CLASSES)
    evaluator = SimpleNamespace(metrics=[metric])
    hook, runner = AbsentClassesHook(), SimpleNamespace()
    for name in ('test', 'val', 'val') if test else ('val',):
        setattr(runner, f'{name}_evaluator', evaluator)
        getattr(hook, f'before_{name}_epoch')(runner)
    sample = dict(
        pred_sem_seg=dict(data=torch.tensor([predicted])),
        gt_sem_seg=dict(data=torch.tensor([mask])),
        img_path='a.png',
    )
    metric.process({}, [sample])
    return metric.evaluate(1)


@pytest.mark.parametrize('metric', [{}, METRIC])
def test_classes_in_no_mask(said, metric):
    metric = dict(type='StrongWeakIoUMetric' if metric else 'IoUMetric', **metric)
    scores = evaluate(metric, [[0, 1]], [[0, 1]])
    assert scores['mIoU'] == 100
    assert said == ['1 of 3 classes are in no mask; IoU nan and not in the mean: disc']
    said.clear()
    scores = evaluate(metric, [[0, 1]], [[0, 2]], test=True)
    assert scores['mIoU'] == pytest.approx(100 / 3, abs=0.01)
    assert said == ['1 of 3 classes are in no mask; predicted, so IoU 0 in the mean: disc']


def test_masks_of_0_and_255_are_hinted_at(said):
    assert evaluate(dict(type='IoUMetric'), [[0, 255]], [[0, 1]])['mIoU'] == 100
    assert said[0].startswith('2 of 3 classes are in no mask; IoU nan')
    assert 'square, disc. Where masks write an object as 255, it means unknown' in said[0]


def test_masks_of_all_classes_need_no_word(said):
    scores = evaluate(dict(type='IoUMetric'), [[0, 1, 2]], [[0, 1, 1]])
    assert not said and np.isfinite(scores['mIoU'])


def test_nothing_known_is_nan_and_said(said):
    assert math.isnan(evaluate(dict(type='IoUMetric'), [[255, 255]], [[0, 1]])['mIoU'])
    assert said[0].startswith('3 of 3 classes are in no mask')
