import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from toy import REPOSITORY, toy_config, toy_model

from mmseg_weak.apis import (
    check_paths,
    load_config,
    require_writable,
    run_tool,
    set_resume,
)
from mmseg_weak.apis.launch import is_finished, use_cpu_processes
from mmseg_weak.apis.training import train


def test_work_dir_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ValueError, match=r'folder .*file/sub cannot be written'):
        require_writable(str(tmp_path / 'file' / 'sub'))


def test_absent_config_and_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'config no\.py does not exist'):
        load_config('no.py')
    config = dict(work_dir=str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'checkpoint no\.pth does not exist'):
        set_resume(config, 'no.pth')


@pytest.mark.parametrize(
    'config', [dict(type='SeminarSegmenter'), dict(type='CAMHead', num_class=3)]
)
def test_an_unknown_type_or_option_ends_in_one_line(config, monkeypatch):
    monkeypatch.delenv('MMSEG_WEAK_TRACEBACK', raising=False)
    with pytest.raises(SystemExit, match='^error: .*(SeminarSegmenter|num_class)'):
        run_tool(lambda: MODELS.build(config))


@pytest.mark.parametrize('error', [KeyError('a'), TypeError('b')])
def test_other_errors_keep_their_traceback(error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        run_tool(fail)


def test_ctrl_c_ends_in_one_line(monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.delenv('MMSEG_WEAK_TRACEBACK', raising=False)
    with pytest.raises(SystemExit, match='^interrupted$'):
        run_tool(stop)


def test_a_mistake_ends_in_one_line(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.train_dataloader.dataset.click_file = 'absent.json'
    config.dump(tmp_path / 'config.py')
    command = [
        sys.executable,
        '-W',
        'ignore',
        'tools/train.py',
        str(tmp_path / 'config.py'),
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert result.returncode == 1
    assert 'Traceback' not in result.stderr
    assert 'absent.json' in result.stderr.splitlines()[-2]


@pytest.mark.parametrize(
    ('change', 'entry'),
    [
        (dict(data_root='absent'), 'data_root'),
        (dict(ann_file='absent.txt'), 'ann_file'),
        (dict(data_prefix=dict(img_path='absent')), 'data_prefix.img_path'),
    ],
)
def test_absent_data_are_named_with_their_config_entry(change, entry, toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    check_paths(config, ('train', 'val', 'test'))
    config.val_dataloader.dataset.update(change)
    check_paths(config, ('train',))
    with pytest.raises(FileNotFoundError, match=f'absent.*val_dataloader.dataset.{entry}'):
        check_paths(config, ('val',))


@pytest.mark.parametrize('unused', [True, False])
def test_processes_without_a_gpu_keep_the_wrappers_options(monkeypatch, unused):
    monkeypatch.setattr('torch.distributed.is_initialized', lambda: True)
    config = Config(dict(find_unused_parameters=unused))
    use_cpu_processes(config)
    assert config.model_wrapper_cfg.find_unused_parameters == unused
    config = Config(dict(model_wrapper_cfg=dict(type='X', option=1)))
    use_cpu_processes(config)
    assert config.model_wrapper_cfg == dict(type='X', option=1, device_ids=None)


def test_mistakes_found_by_a_data_worker_end_in_one_line(capsys):
    text = (
        'Caught ValueError in DataLoader worker process 0.\nOriginal Traceback:\n  File\n'
    )

    def main():
        raise ValueError(f'{text}ValueError: masks/a.png: class id 17; there are 0 to 3\n')

    with pytest.raises(SystemExit, match='^error: masks/a.png: class id 17; there are 0'):
        run_tool(main)


@pytest.mark.parametrize(
    ('name', 'loop', 'finished'),
    [
        ('iter_3.pth', dict(max_iters=3), True),
        ('iter_2.pth', dict(max_iters=3), False),
        ('iter_4.pth', dict(max_iters='3'), True),
        ('epoch_3.pth', dict(max_epochs=3), True),
        ('epoch_3.pth', dict(max_iters=3), False),
        ('best.pth', dict(max_iters=3), False),
    ],
)
def test_a_training_that_has_ended_is_known(name, loop, finished):
    config = Config(dict(resume=True, load_from=f'work/{name}', train_cfg=loop))
    assert is_finished(config) is finished
    config.resume = False
    assert not is_finished(config)


def test_a_resumed_training_that_has_ended_says_so(tmp_path, toy_root, capsys):
    config = toy_config(toy_root, tmp_path / 'work', toy_model())
    (tmp_path / 'work').mkdir()
    torch.save(dict(state_dict={}), tmp_path / 'work/iter_4.pth')
    assert train(config, resume='auto') is None
    assert 'iter_4.pth: finished already' in capsys.readouterr().out
