"""A trained checkpoint is a plain mmseg checkpoint: same score without the plugin."""

import json
import subprocess
import sys

import pytest
import torch
from mmengine.runner import Runner
from toy import REPOSITORY, toy_config, toy_model
from toy_transfer import transfer_config, write_strong_weak

# What a user without the plugin runs: mmengine's runner on a stock config.
STOCK_TEST = """
import json, sys
from mmengine.config import Config
from mmengine.runner import Runner
import torch
config = Config.fromfile(sys.argv[1])
config.load_from = sys.argv[2]
runner = Runner.from_cfg(config)
state = torch.load(sys.argv[2], map_location='cpu', weights_only=False)['state_dict']
runner.model.load_state_dict(state, strict=True)
metrics = runner.test()
assert 'mmseg_weak' not in sys.modules
print('METRICS', json.dumps({key: float(value) for key, value in metrics.items()}))
"""


def stock_config(config):
    """The same network and test data in stock components only."""
    model = dict(config.model.to_dict(), type='EncoderDecoder')
    model.pop('consistency')
    model['data_preprocessor']['type'] = 'SegDataPreProcessor'
    model['decode_head']['loss_decode'] = dict(type='CrossEntropyLoss')
    for key in list(config):
        if key.startswith(('train', 'val')) or key in (
            'custom_hooks',
            'custom_imports',
            'optim_wrapper',
            'param_scheduler',
        ):
            config.pop(key)
    config.model = model
    return config


def test_scores_the_same_without_the_plugin(toy_root, tmp_path):
    term = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))
    config = toy_config(toy_root, tmp_path, toy_model(consistency=term), max_iters=40)
    config.optim_wrapper.optimizer = dict(type='AdamW', lr=0.01)
    config.param_scheduler[0]['end'] = 40
    config.default_hooks.checkpoint.interval = 40
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    config.test_cfg = dict(type='TestLoop')
    config.dump(tmp_path / 'ours.py')
    runner = Runner.from_cfg(config)
    runner.train()
    checkpoint = str(tmp_path / 'iter_40.pth')
    command = ['tools/test.py', str(tmp_path / 'ours.py'), checkpoint]
    command += [
        '--work-dir',
        str(tmp_path),
        '--metrics-out',
        str(tmp_path / 'metrics.json'),
    ]
    run(command)
    ours = json.loads((tmp_path / 'metrics.json').read_text())

    # Another number of classes: mmengine alone would go on with random weights.
    config.model.decode_head.num_classes += 1
    config.dump(tmp_path / 'other.py')
    command[1] = str(tmp_path / 'other.py')
    with pytest.raises(
        AssertionError, match=r'iter_40\.pth is not a checkpoint of .*other'
    ):
        run(command)
    config.model.decode_head.num_classes -= 1

    stock_config(config).dump(tmp_path / 'stock.py')
    printed = run(['-c', STOCK_TEST, str(tmp_path / 'stock.py'), checkpoint])
    stock = json.loads(printed.split('METRICS')[1])
    assert ours['mIoU'] == pytest.approx(stock['mIoU'], abs=1e-6)
    assert ours['aAcc'] == pytest.approx(stock['aAcc'], abs=1e-6)
    assert ours['mIoU'] > 20, 'a network that learnt nothing would prove little'
    run(
        ['tools/export_segmentor.py', str(tmp_path / 'ours.py'), checkpoint]
        + ['--out', str(tmp_path / 'exported')]
    )
    files = [str(tmp_path / 'exported' / name) for name in ('config.py', 'segmentor.pth')]
    exported = json.loads(run(['-c', STOCK_TEST, *files]).split('METRICS')[1])
    assert exported == stock


def test_exported_prediction_transfer_scores_the_same(toy_root, tmp_path):
    """P-Net stays behind, and so does the metric that tells strong from weak."""
    root = write_strong_weak(toy_root, tmp_path / 'set')
    config = transfer_config(root, tmp_path, max_iters=2)
    metric = dict(strong_classes=['square'], weak_classes=['disc'])
    config.val_evaluator = dict(type='StrongWeakIoUMetric', **metric)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    config.test_cfg = dict(type='TestLoop')
    config.tta_pipeline = [
        dict(type='LoadImageFromFile'),
        dict(
            type='TestTimeAug',
            transforms=[
                [dict(type='Resize', scale_factor=f, keep_ratio=True) for f in (1.0, 1.5)],
                [dict(type='LoadAnnotations')],
                [dict(type='PackSegInputs')],
            ],
        ),
    ]
    config.dump(tmp_path / 'ours.py')
    runner = Runner.from_cfg(config)
    runner.train()
    ours = runner.test()
    command = ['tools/test.py', str(tmp_path / 'ours.py'), str(tmp_path / 'iter_2.pth')]
    command += ['--tta', '--work-dir', str(tmp_path / 'tta')]
    assert 'starts from scratch' not in run(command)
    # Photographs of one's own have no masks.
    config.test_dataloader.dataset.pipeline.pop(1)
    config.test_dataloader.dataset.data_prefix.pop('seg_map_path')
    config.test_evaluator = dict(
        type='IoUMetric', format_only=True, output_dir=str(tmp_path / 'maps')
    )
    config.dump(tmp_path / 'plain.py')
    run([command[0], str(tmp_path / 'plain.py'), *command[2:]])
    assert len(list((tmp_path / 'maps').glob('*.png'))) == 4
    run(
        ['tools/export_segmentor.py', str(tmp_path / 'ours.py')]
        + [str(tmp_path / 'iter_2.pth'), '--out', str(tmp_path / 'exported')]
    )
    files = [str(tmp_path / 'exported' / name) for name in ('config.py', 'segmentor.pth')]
    assert torch.load(files[1]).keys() == {'meta', 'state_dict'}
    exported = json.loads(run(['-c', STOCK_TEST, *files]).split('METRICS')[1])
    assert exported['mIoU'] == pytest.approx(ours['mIoU'], abs=0.01)  # rounded by mmseg
    assert 'mIoU_weak' not in exported


def run(arguments):
    """Standard output of a Python process in the repository."""
    command = [sys.executable, '-W', 'ignore', *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout
