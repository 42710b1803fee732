"""Real sets as the exports of tools train from the very same clicks."""

import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from toy import REPOSITORY

from mmseg_weak.datasets.formats import ReadOptions
from mmseg_weak.datasets.formats.conversion import convert

TOOLS = {'nuclei': 'labelstudio', 'msrc21': 'labelme', 'weeds': 'cvat'}


@pytest.mark.parametrize('name', TOOLS)
def test_an_export_gives_the_clicks_of_our_own_format(name, tmp_path, monkeypatch):
    root = REPOSITORY / 'data' / name
    if not root.is_dir():
        pytest.skip(f'needs data/{name}, see docs/data.md')
    monkeypatch.setenv('SET', name)
    config = Config.fromfile(REPOSITORY / 'configs/_base_/datasets/small_set_clicks.py')
    settings = config.train_dataloader.dataset
    settings.update(data_root=str(root), pipeline=[])
    options = ReadOptions(images=str(root / 'JPEGImages'))
    classes = list(settings.metainfo.classes)
    out, tool = tmp_path / 'export', TOOLS[name]
    convert(root / settings.click_file, tool, out, options=options, classes=classes)
    own = DATASETS.build(settings)
    settings.click_file = str(out)
    other = DATASETS.build(settings)
    assert len(own) == len(other) > 20
    for mine, theirs in zip(map(own.get_data_info, range(len(own))), other):
        assert mine['img_id'] == theirs['img_id']
        np.testing.assert_allclose(mine['clicks'], theirs['clicks'], atol=1e-3)
        np.testing.assert_array_equal(mine['click_labels'], theirs['click_labels'])
