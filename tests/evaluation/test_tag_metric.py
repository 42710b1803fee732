"""Average precision and F1 of tags against scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample
from sklearn.metrics import average_precision_score
from sklearn.metrics import f1_score as sklearn_f1

from mmseg_weak.evaluation.tag_metric import average_precision, f1_score

CLASSES = ('background', 'cat', 'dog', 'cow')


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 6), st.booleans())
def test_agrees_with_scikit_learn(seed, images, classes, ties):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(images, classes))
    if ties:
        scores = np.round(scores)
    tags = rng.random((images, classes)) < 0.4
    ours = average_precision(scores, tags)
    f1 = f1_score(scores > 0, tags)
    for i in range(classes):
        if tags[:, i].any():
            expected = average_precision_score(tags[:, i], scores[:, i])
            assert ours[i] == pytest.approx(expected)
        else:
            assert np.isnan(ours[i])
        if tags[:, i].any() or (scores[:, i] > 0).any():
            assert f1[i] == pytest.approx(sklearn_f1(tags[:, i], scores[:, i] > 0))
        else:
            assert np.isnan(f1[i])


def sample(logits, tags=None, mask=None):
    result = SegDataSample()
    result.set_data(dict(pred_tags=torch.tensor(logits)))
    if tags is not None:
        result.set_metainfo(dict(image_classes=tags))
    if mask is not None:
        result.gt_sem_seg = PixelData(data=torch.tensor(mask)[None])
    return result


def test_true_tags_come_from_tags_or_from_the_mask():
    metric = METRICS.build(dict(type='TagMetric'))
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process([sample([1.0, -1.0, -1.0], mask=[[0, 1], [255, 1]])])
    # The tags have the last word: a mask would be the dense label of a tagged image.
    evaluator.process([sample([1.0, 2.0, -1.0], tags=(2,), mask=[[3, 3], [3, 3]])])
    result = evaluator.evaluate(2)
    # cat: AP .5 (a tie), F1 2/3; dog: AP 1, F1 1; cow occurs nowhere.
    assert result['tags/mAP'] == pytest.approx(100 * (0.5 + 1) / 2)
    assert result['tags/mF1'] == pytest.approx(100 * (2 / 3 + 1) / 2)


def test_background_is_that_of_the_data_set():
    metric = METRICS.build(dict(type='TagMetric'))
    metric.dataset_meta = dict(classes=('cat', 'dog', 'soil'), background='soil')
    metric.process({}, [sample([1.0, -1.0], mask=[[0, 2], [2, 2]]).to_dict()])
    metric.process({}, [sample([-1.0, 2.0], mask=[[1, 1], [2, 255]]).to_dict()])
    result = metric.compute_metrics(metric.results)
    assert result == dict(mAP=100, mF1=100)


def test_mistakes():
    metric = METRICS.build(dict(type='TagMetric'))
    with pytest.raises(ValueError, match='needs pred_tags'):
        metric.process({}, [SegDataSample().to_dict()])
    with pytest.raises(ValueError, match='neither tags nor a mask'):
        metric.process({}, [sample([1.0]).to_dict()])


def test_no_tag_anywhere_is_nan():
    metric = METRICS.build(dict(type='TagMetric'))
    metric.process({}, [sample([1.0, -1.0], tags=()).to_dict()])
    assert all(np.isnan(value) for value in metric.evaluate(1).values())
