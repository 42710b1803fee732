"""Pseudo-labels of either branch of a mutual promotion."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from toy import CLASSES, toy_config
from toy_mutual import build, toy_mutual

from mmseg_weak.apis.export_segmentor import export_segmentor
from mmseg_weak.cli import run_verb

STEPS = ('LoadImageFromFile', 'LoadImageTags', 'PackWeakSegInputs')


@pytest.mark.parametrize('branch', ['segmentation', 'cam'])
def test_labels_of_a_branch_keep_to_the_tags(toy_root, tmp_path, branch):
    model = toy_mutual(num_classes=3)
    config = toy_config(toy_root, tmp_path / 'work', model)
    dataset = config.train_dataloader.dataset
    dataset.update(type='ImageTagDataset', indices=3)
    dataset.pipeline = [dict(type=step) for step in STEPS]
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    meta = dict(dataset_meta=dict(classes=CLASSES))
    weights = build(Config(model).to_dict()).state_dict()
    torch.save(dict(state_dict=weights, meta=meta), tmp_path / 'both.pth')
    paths = export_segmentor(config, str(tmp_path / 'both.pth'), str(tmp_path), branch)
    words = [*paths, '--out', tmp_path / 'out', '--scales', 1]
    run_verb('label', list(map(str, words)))
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    files = sorted((tmp_path / 'out').glob('*.png'))
    assert len(files) == 3
    for file in files:
        found = set(np.unique(np.array(Image.open(file))).tolist())
        assert found <= {0, 255} | {click['cls'] for click in clicks[file.stem]}
        assert found - {255}
