"""Activation maps in the report."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image
from toy import CLASSES, toy_config, toy_model

from mmseg_weak.apis.visualize import VisualizeOptions, visualize
from mmseg_weak.visualization.panels import heat, heat_tiles


def test_heat_is_grey_where_cold_and_bright_where_hot():
    image = np.full((4, 6, 3), 100, np.uint8)
    cam = np.zeros((4, 6))
    cam[:, 3:] = 1
    picture = heat(image, cam).astype(int)
    assert picture[:, 3:].sum() > 2 * picture[:, :3].sum()
    assert (heat(image, cam, alpha=0) == 100).all()
    with pytest.raises(ValueError, match='do not fit together'):
        heat(image, cam[:2])


def test_tiles_are_those_of_the_classes_present():
    scores = np.zeros((7, 4, 6), np.float32)
    scores[0] = 0.3
    scores[2], scores[5] = 0.1, 0.9
    image = np.zeros((4, 6, 3), np.uint8)
    assert list(heat_tiles(image, scores, list('abcdefg'))) == ['map of f', 'map of c']
    scores[1:] = 0.5
    assert len(heat_tiles(image, scores, list('abcdefg'))) == 4


@pytest.mark.parametrize('with_masks', [True, False])
def test_report_of_tagged_images(toy_root, tmp_path, with_masks):
    model = dict(toy_model(), type='CAMSegmentor')
    model['decode_head'] = dict(type='CAMHead', in_channels=16, num_classes=3)
    config = toy_config(toy_root, tmp_path / 'work', model)
    config.train_dataloader.dataset.type = 'ImageTagDataset'
    steps = config.train_dataloader.dataset.pipeline
    steps[:] = [steps[0], dict(type='LoadImageTags'), steps[3], steps[-1]]
    if not with_masks:  # own photos have none, nor a step that loads them
        steps = config.val_dataloader.dataset.pipeline
        steps[:] = [step for step in steps if step.type != 'LoadAnnotations']
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'cam.py')
    network = MODELS.build(config.model)
    network.decode_head.classifier.weight.data.normal_().abs_()
    meta = dict(dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=network.state_dict(), meta=meta), tmp_path / 'cam.pth')
    options = VisualizeOptions(str(tmp_path / 'out'), split='train', images=('toy_03',))
    config = Config.fromfile(tmp_path / 'cam.py')
    page = visualize(config, str(tmp_path / 'cam.pth'), options).read_text()
    assert 'IoU ' not in page.split('<p>')[-1], 'a tagged image shows no mask'
    panel = Image.open(tmp_path / 'out' / 'panels' / 'toy_03.png')
    clicks = {1, 2}  # both classes are clicked in toy_03
    assert panel.width == (2 + len(clicks)) * 192 + 3 * 4
