"""The lists of label and prediction transfer name configs and checkpoints that exist."""

import re

import pytest
from mmengine.config import Config
from toy import REPOSITORY

from mmseg_weak.stages import load_stages

LISTS = sorted(
    path.name for path in (REPOSITORY / 'configs' / 'transfer').glob('stages_*.py')
)


def test_lists_are_found():
    assert len(LISTS) == 4


@pytest.mark.parametrize('name', LISTS)
def test_stages_fit_their_configs(name, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    stages = {
        stage.name: stage for stage in load_stages(f'configs/transfer/{name}', 'work')
    }
    assert stages['labels'].needs == ('lnet', 'cam')
    assert set(stages['pnet'].needs) == {'labels', 'pretrain'}
    assert stages['test'].needs == ('pnet',)
    for stage in stages.values():
        for part in stage.command:
            assert not part.endswith('.py') or (REPOSITORY / part).is_file(), part
        if stage.command[3] == 'train':
            config = Config.fromfile(stage.command[4])
            (output,) = stage.outputs
            iters = int(re.fullmatch(r'iter_(\d+)\.pth', output.name)[1])
            assert iters == config.train_cfg.max_iters, stage.name
            for part in stage.command:
                if part.startswith('train_dataloader'):
                    key = part.split('=')[0].removeprefix('train_dataloader.')
                    node = config.train_dataloader
                    for step in key.split('.'):
                        node = node[int(step) if step.isdigit() else step]
                    assert node == 'work_dirs/transfer/labels'


def test_controls_use_the_same_networks():
    name = 'stages_transfer-controls_1xb8-1500_voc-animals-160x160.py'
    stages = load_stages(str(REPOSITORY / 'configs' / 'transfer' / name), 'work')
    by_name = {stage.name: stage for stage in stages}
    assert by_name['labels_cam'].needs == by_name['labels_no_m'].needs == ('lnet', 'cam')
    assert by_name['segmenter_cam'].needs == ('labels_cam',)
    assert set(by_name['pnet_no_pretrain'].needs) == {'labels', 'segmenter'}
    assert len([name for name in by_name if name.startswith('test')]) == 8
