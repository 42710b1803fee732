"""A promptable model that is always right, on real photographs and clicks."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from toy import REPOSITORY
from toy_promptable import save_promptable

from mmseg_weak.evaluation.pseudo_label_quality import PseudoLabelQuality
from mmseg_weak.labelling import PromptableLabeller
from mmseg_weak.labelling.sources import LabelSource

ROOT = REPOSITORY.parent / 'shared/data/voc_animals'
CONFIG = 'configs/seminar/pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'

pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason='needs voc_animals beside the repository'
)


@pytest.fixture(scope='module')
def source():
    init_default_scope('mmseg')
    config = Config.fromfile(REPOSITORY / CONFIG)
    config.train_dataloader.dataset.data_root = str(ROOT)
    return LabelSource(config)


@pytest.fixture(scope='module')
def chosen(source):
    """Photographs with clicks on two classes of objects."""
    infos = map(source.parts[0].info, range(0, len(source), 20))
    classes = [set(info['click_labels'].tolist()) - {0} for info in infos]
    return [20 * i for i, found in enumerate(classes) if len(found) > 1][:6]


def test_labels_are_those_of_the_masks_and_negatives_cut(source, chosen, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools/benchmark'))
    from oracle_peer import label_rows

    assert len(chosen) == 6
    rows = dict(label_rows(source, None, str(ROOT / 'SegmentationClass'), chosen))
    found = {name.split(',')[-1].strip(): row['mIoU'] for name, row in rows.items()}
    masks = found['through 256 x 256']
    assert found['oracle alone'] > masks - 6
    assert found['merging oracle alone'] > masks - 6
    assert found['without negatives'] < found['merging oracle alone'] - 10


def test_the_library_takes_the_same_way(source, chosen, tmp_path):
    pytest.importorskip('transformers', reason='transformers is not installed')
    labeller = PromptableLabeller(model=save_promptable('sam2', tmp_path / 'sam2'))
    labeller.start(source, 'cpu')
    quality = PseudoLabelQuality(source.classes)
    for index in chosen[:2]:
        labels = labeller(index).labels
        sample, _ = source[index]
        clicks = sample.gt_sem_seg.data[0].numpy()
        assert (labels[clicks != 255] == clicks[clicks != 255]).all()
        allowed = {0, 255, *sample.image_classes}
        assert set(np.unique(labels).tolist()) <= allowed
        quality.add(labels, source.mask(index, str(ROOT / 'SegmentationClass')))
    assert 0 < quality.summary()['mIoU'] < 100
