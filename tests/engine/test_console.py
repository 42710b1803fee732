"""What a training prints, and what goes to its log file."""

import io
import logging
import re
from types import SimpleNamespace

import pytest
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from toy import toy_config, toy_model

from mmseg_weak.apis.training import train
from mmseg_weak.engine import console as console_module
from mmseg_weak.engine.console import Console, ConsoleFilter, tracked
from mmseg_weak.engine.hooks.launch_hooks import DataReportHook
from mmseg_weak.engine.hooks.progress_hook import RemainingTime, _validations_left


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_in_a_file_is_a_line_now_and_then(capsys, monkeypatch):
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr(console_module.time, 'monotonic', lambda: next(seconds))
    assert list(tracked('abcdefgh', 'labels', 8)) == list('abcdefgh')
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        'labels [###.....................] 1/8  1:10 left',
        'labels [############............] 4/8  0:40 left',
        'labels [#####################...] 7/8  0:10 left',
        'labels [########################] 8/8',
    ]
    assert list(tracked('ab', 'labels', 2, hidden=True)) == ['a', 'b']
    assert not capsys.readouterr().out


def spoken_by(module, level=logging.INFO):
    """Whether a message that a module logs is printed."""
    logger = MMLogger('spoken', logger_name='spoken')
    logger.handlers = [logging.StreamHandler(io.StringIO())]
    logger.handlers[0].addFilter(ConsoleFilter(Console(io.StringIO())))
    exec('logger.log(level, "x")', dict(logger=logger, level=level, __name__=module))
    return bool(logger.handlers[0].stream.getvalue())


def test_the_one_who_speaks_decides():
    assert spoken_by('mmseg_weak.datasets.click_dataset')
    assert spoken_by('my_package.my_hook')
    assert spoken_by('mmseg.evaluation.metrics.iou_metric')
    assert not spoken_by('mmengine.runner.runner')
    assert not spoken_by('mmengine.optim.optimizer.default_constructor')
    assert not spoken_by('mmengine.fileio.file_client', logging.WARNING)
    assert not spoken_by('mmengine.optim.optimizer.x', logging.WARNING)  # frozen layers
    assert spoken_by('mmengine.runner.checkpoint', logging.WARNING)
    assert spoken_by('mmengine.fileio.io', logging.ERROR)
    assert spoken_by('mmengineering')


def test_a_line_is_rewritten_on_a_terminal_only():
    terminal, file = Console(Terminal()), Console(io.StringIO())
    for console in (terminal, file):
        console.show('1/3')
        console.show('2/3')
        console.clear()
        console.show('3/3')
        console.keep()
    assert file.stream.getvalue() == '1/3\n2/3\n3/3\n'
    assert terminal.stream.getvalue() == '1/3\r\x1b[K2/3\r\x1b[K3/3\n'


def test_remaining_time_counts_validations_that_come():
    now = [0.0]
    remaining = RemainingTime(lambda: now[0])
    assert remaining.left(9) == ''
    for _ in range(5):
        now[0] += 2
        remaining.iteration()
    assert remaining.left(10) == '0:20 left'
    assert remaining.left(10, 1) == '0:20 and 1 validation left'
    remaining.begin_validation()
    now[0] += 30
    remaining.end_validation()
    now[0] += 2
    remaining.iteration()
    assert remaining.left(10, 2) == '1:20 left', 'the validation slowed no iteration'
    assert remaining.left(3600) == '2:00:00 left'
    for _ in range(200):  # recent iterations count
        now[0] += 1
        remaining.iteration()
    assert remaining.left(10) == '0:10 left'


@pytest.mark.parametrize(
    'iteration, begin, expected', [(0, 1, 3), (3, 1, 3), (4, 1, 2), (0, 8, 2)]
)
def test_validations_left_are_those_of_the_loop(iteration, begin, expected):
    """Every 4 of 10 iterations and at the end; an iteration's own is still to come."""
    loop = SimpleNamespace(val_begin=begin, val_interval=4)
    runner = SimpleNamespace(val_loop=1, train_loop=loop, iter=iteration, max_iters=10)
    assert _validations_left(runner) == expected
    runner.val_loop = None
    assert _validations_left(runner) == 0


def test_a_quiet_training(toy_root, tmp_path, capsys):
    """A short report, results and progress; the file has everything."""
    config = toy_config(toy_root, tmp_path, toy_model(), max_iters=2, log_level='INFO')
    config.custom_hooks.pop()  # no teacher
    train(config, verbose=False)
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0].startswith('ClickDataset: ') and len(lines) < 25
    assert re.search(r'^train \[#{24}\] 2/2  loss \d', printed, re.M)
    assert re.search(r'^iteration 2: aAcc \d+\.\d\d  mIoU ', printed, re.M)
    (log,) = tmp_path.glob('*/*.log')
    written = log.read_text()
    for text in ('System environment', 'Config:', 'ClickDataset: ', 'Iter(train)'):
        assert text in written
        assert text == 'ClickDataset: ' or text not in printed


def test_a_verbose_training_repeats_its_data_report(toy_root, tmp_path, capsys):
    config = toy_config(toy_root, tmp_path, toy_model(), max_iters=1, log_level='INFO')
    config.custom_hooks.pop()
    runner = Runner.from_cfg(config)
    runner.register_hook(DataReportHook(runner.logger))
    runner.train()
    printed = capsys.readouterr().out
    assert printed.count('ClickDataset: ') == 2
    between = printed.split('ClickDataset: ')[2].split('Iter(train)')[0]
    assert 'Hooks will be executed' not in between and between.count('mmengine - INFO') <= 2
