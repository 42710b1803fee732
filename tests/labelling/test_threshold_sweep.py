"""A sweep equals labelling with each threshold by itself."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toy import CLASSES, toy_config, toy_model

from mmseg_weak.cli import run_verb
from mmseg_weak.evaluation.pseudo_label_quality import PseudoLabelQuality
from mmseg_weak.labelling.folder import MAP_SUFFIX, LabelFolder
from mmseg_weak.labelling.sweep import ThresholdSweep


def images(seed=0, n=4):
    """Random maps of random classes with masks."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        labels = [[], [1], [2], [1, 2]][i % 4]
        cams = rng.random((len(labels), 5, 6)).astype(np.float32)
        mask = rng.choice([0, 1, 2, 255], (20, 23))
        yield cams, labels, (20, 23), mask


@pytest.mark.parametrize('threshold', [0.125, 0.5, 0.75])
def test_equals_labels_of_one_threshold(threshold):
    sweep, quality = ThresholdSweep(3), PseudoLabelQuality(CLASSES)
    foreground = total = 0
    for cams, labels, size, mask in images():
        sweep.add(cams, labels, size, mask)
        label = np.zeros(size, np.uint8)
        if labels:
            maps = torch.from_numpy(cams)[None]
            large = F.interpolate(maps, size, mode='bilinear')[0].numpy()
            label = np.where(
                large.max(0) >= threshold, np.array(labels)[large.argmax(0)], 0
            )
        label = label.astype(np.uint8)
        quality.add(label, mask)
        foreground += (label[mask != 255] > 0).sum()
        total += (mask != 255).sum()
    row = sweep.row(threshold)
    assert row['mIoU'] == pytest.approx(quality.summary()['mIoU'])
    assert row['foreground'] == pytest.approx(100 * foreground / total)


def test_without_masks_there_is_no_score():
    sweep = ThresholdSweep(3)
    for cams, labels, size, _ in images():
        sweep.add(cams, labels, size)
    assert set(sweep.row(0.3)) == {'foreground'}
    assert sweep.histogram().sum() == 3 * 20 * 23, 'an image without classes says nothing'
    with pytest.raises(ValueError, match='the mask is'):
        sweep.add(np.zeros((1, 2, 2)), [1], (4, 4), np.zeros((3, 4)))


def test_tool(toy_root, tmp_path, capsys):
    config = toy_config(toy_root, tmp_path / 'work', toy_model())
    config.train_dataloader.dataset.type = 'ImageTagDataset'
    pipeline = ['LoadImageFromFile', 'LoadImageTags', 'PackWeakSegInputs']
    config.train_dataloader.dataset.pipeline = [dict(type=name) for name in pipeline]
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'cam.py')
    folder = LabelFolder(tmp_path / 'cams', {}, CLASSES, np.zeros((3, 3)), MAP_SUFFIX)
    folder.prepare()
    rng = np.random.default_rng(0)
    for i in range(12):
        folder.write_maps(f'toy_{i:02d}', rng.random((1, 16, 16)) ** 3, [1], (64, 64))
    arguments = [tmp_path / 'cam.py', tmp_path / 'cams', '--masks', toy_root / 'masks']
    arguments += ['--out', tmp_path / 'sweep.json', '--thresholds', 0.2, 0.4]
    run_verb('sweep', list(map(str, arguments)))
    rows = json.loads((tmp_path / 'sweep.json').read_text())
    assert [row['name'] for row in rows] == ['li', 'otsu', '', '']
    assert rows[2]['foreground'] > rows[3]['foreground']
    assert '| background score | rule | foreground, % | mIoU |' in capsys.readouterr().out
    (tmp_path / 'cams' / 'toy_03.npz').unlink()
    with pytest.raises(SystemExit, match="'toy_03' has no stored maps"):
        run_verb('sweep', list(map(str, arguments)))
