"""No label map is written over another one."""

from types import SimpleNamespace

import pytest
from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset
from mmseg.evaluation import IoUMetric

from mmseg_weak.apis.testing import prediction_folders


def make_dataset(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    metainfo = dict(classes=('a', 'b'))
    return BaseSegDataset(metainfo=metainfo, data_prefix=dict(img_path=str(root)))


def test_equal_names_in_two_folders(tmp_path):
    dataset = make_dataset(tmp_path / 'one', 'x.jpg', 'site/x.jpg', 'site/y.jpg')
    writes, silent = IoUMetric(output_dir=str(tmp_path / 'out')), SimpleNamespace()
    assert prediction_folders([silent, IoUMetric()], dataset) == []
    with pytest.raises(ValueError, match=r'x\.jpg and .*x\.jpg would be one file'):
        prediction_folders([silent, writes], dataset)
    others = make_dataset(tmp_path / 'two', 'a.jpg', 'site/b.jpg')
    assert prediction_folders([writes, silent], others) == [str(tmp_path / 'out')]
    both = ConcatDataset([dataset, others])
    with pytest.raises(ValueError, match='would be one file'):
        prediction_folders([writes], both)
