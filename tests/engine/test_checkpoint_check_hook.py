"""Checkpoints of another training are refused by test and resume, in one place."""

import copy

import pytest
import torch
from toy import toy_config, toy_model

from mmseg_weak.apis.testing import test as run_test
from mmseg_weak.apis.training import train

SWAPPED = ('background', 'disc', 'square')


@pytest.fixture(scope='module')
def trained(toy_root, tmp_path_factory):
    """Config with a test, and the checkpoint of one iteration."""
    folder = tmp_path_factory.mktemp('checked')
    config = toy_config(toy_root, folder, toy_model(), max_iters=1)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator, config.test_cfg = config.val_evaluator, dict(type='TestLoop')
    config.custom_hooks = [dict(type='ClassCheckHook')]
    train(copy.deepcopy(config))
    return config, str(folder / 'iter_1.pth')


@pytest.fixture
def other(trained, tmp_path):
    """A copy of the config to be changed, and the checkpoint."""
    config = copy.deepcopy(trained[0])
    config.work_dir, config.experiment_name = str(tmp_path), f'checked_{tmp_path.name}'
    return config, trained[1]


def test_the_same_config_tests_and_resumes(other):
    config, checkpoint = other
    assert 0 <= run_test(copy.deepcopy(config), checkpoint)['mIoU'] <= 100
    config.train_cfg.max_iters = 2
    config.experiment_name += '_resumed'
    assert train(config, resume=checkpoint).iter == 2


def test_another_class_order(other):
    config, checkpoint = other
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.metainfo.classes = SWAPPED
    with pytest.raises(ValueError, match=r'iter_1\.pth was trained .* names and order'):
        run_test(copy.deepcopy(config), checkpoint)
    config.experiment_name += '_resumed'
    with pytest.raises(ValueError, match=r'iter_1\.pth was trained .* names and order'):
        train(copy.deepcopy(config), resume=checkpoint)
    config.experiment_name += '_started'
    config.load_from = checkpoint  # to start from its weights is no mistake
    assert train(config).iter == 1


def test_another_normalisation_and_flag(other):
    config, checkpoint = other
    config.test_dataloader.dataset.reduce_zero_label = True
    with pytest.raises(ValueError, match='reduce_zero_label=False, the data set has True'):
        run_test(copy.deepcopy(config), checkpoint)
    config.test_dataloader.dataset.reduce_zero_label = False
    config.model.data_preprocessor.std = [1.0] * 3
    config.experiment_name += '_std'
    with pytest.raises(ValueError, match=r'data_preprocessor\.std=.*60'):
        run_test(config, checkpoint)


def test_flags_of_training_and_validation_agree(other):
    config, _ = other
    config.val_dataloader.dataset.reduce_zero_label = True
    with pytest.raises(ValueError, match='is False for training and True'):
        train(config)


def test_weights_that_are_absent_or_not_finite(other, tmp_path):
    config, checkpoint = other
    content = torch.load(checkpoint, weights_only=False)
    weight = content['state_dict'].pop('decode_head.conv_seg.weight')
    torch.save(content, tmp_path / 'absent.pth')
    with pytest.raises(ValueError, match=r'conv_seg\.weight is absent'):
        train(copy.deepcopy(config), resume=str(tmp_path / 'absent.pth'))
    content['state_dict']['decode_head.conv_seg.weight'] = weight * float('nan')
    torch.save(content, tmp_path / 'nan.pth')
    config.load_from = str(tmp_path / 'nan.pth')
    config.experiment_name += '_nan'
    with pytest.raises(ValueError, match=r'nan\.pth: .* is not finite'):
        train(config)
