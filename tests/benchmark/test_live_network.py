"""Networks on the live masks: what they are given."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.datasets.pseudo_label_folder import PseudoLabelFolder
from mmseg_weak.live import FrozenPyramid

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'benchmark'
TINY = dict(type='EfficientNetLite', arch='lite0', out_indices=(0, 1, 2))


@pytest.fixture
def root(tmp_path):
    """Three green photographs, the left half of each red."""
    for name in 'abc':
        mask = np.zeros((48, 64), np.uint8)
        mask[:, :32] = 1
        image = np.array([(40, 160, 60), (200, 40, 40)], np.uint8)[mask]
        parts = (('JPEGImages', image, 'jpg'), ('SegmentationClass', mask, 'png'))
        for folder, array, end in parts:
            path = tmp_path / folder / f'{name}.{end}'
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(array).save(path)
    lists = tmp_path / 'ImageSets' / 'Segmentation'
    lists.mkdir(parents=True)
    (lists / 'train.txt').write_text('a\nb\nc\n')
    text = "metainfo = dict(classes=('grass', 'square'))\n"
    (tmp_path / 'config.py').write_text(text)
    return tmp_path


def test_labels_of_a_network_are_live_masks_and_clicks(root, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    bench = pytest.importorskip('live_network')
    monkeypatch.setattr(bench, 'FrozenPyramid', lambda: FrozenPyramid(TINY, long_side=64))
    args = SimpleNamespace(
        labels=str(root / 'config.py'),
        root=root,
        cache=root / 'cache',
        click_list='train',
        skip=0,
        images=3,
        sure=0.5,
    )
    clicks = [['a', 10.5, 20.5, 1], ['a', 50.5, 20.5, 0], ['b', 60.5, 5.5, 1]]
    bench.label(args, clicks, 0, root / 'labels')
    names = ('grass', 'square')
    assert PseudoLabelFolder(root / 'labels').check(list('abc'), names) == list('abc')
    for image, x, y, label in clicks:
        assert read_mask(root / f'labels/{image}.png')[int(y), int(x)] == label
    unseen = read_mask(root / 'labels/c.png')
    truth = read_mask(root / 'SegmentationClass/c.png')
    assert (unseen == truth).mean() > 0.7
