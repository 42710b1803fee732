import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmseg_weak.models.inference.low_precision import has_bfloat16

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'benchmark'

FOUNDATION = pytest.mark.skipif(
    find_spec('transformers') is None, reason='transformers is not installed'
)


@pytest.mark.parametrize(
    ('script', 'num_rows'),
    [
        ('click_losses', 14),
        ('training_step', 5),
        ('ema_update', 3),
        ('click_pipeline', 1),
        ('clustering', 4),
        ('feature_extraction', 2),
        ('multi_scale_cam', 2),
        ('label_transfer', 6),
        ('large_pictures', 4),
        ('refinement', 13),
        ('mutual_promotion', 4 + has_bfloat16('cpu')),
        ('regularised_losses', 5),
        pytest.param('promptable', 1, marks=FOUNDATION),
    ],
)
def test_prints_a_row_for_each_ratio(script, num_rows):
    command = [sys.executable, '-W', 'ignore', FOLDER / f'{script}.py', '--tiny']
    command += ['--device', 'cpu', '--repeats', '2']
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith('| ')]
    head, rule, *rows = ([cell.strip() for cell in line.split('|')] for line in lines)
    assert head[1:5] == ['what', 'other form', 'ours', 'ratio']
    assert set(rule[1]) == {'-'}
    assert len(rows) == num_rows
    assert all(float(row[4]) > 0 for row in rows if row[2])
    assert len({row[1] for row in rows}) == num_rows


@FOUNDATION
def test_costs_of_foundation_models_are_a_row_each():
    command = [sys.executable, '-W', 'ignore', FOLDER / 'foundation.py', '--repeats', '1']
    command += ['--only', 'ConvNeXt tiny, a training', '--threads', '1']
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    *_, row = result.stdout.splitlines()
    name, seconds, memory = (cell.strip() for cell in row.strip('|').split('|'))
    assert name.startswith('ConvNeXt') and float(seconds) > 0 and int(memory) > 50


def test_gpu_tables_in_a_dry_run(tmp_path):
    """Each part writes its table, whatever breaks; one that has no time says so."""
    parts = ['syncs', 'profiles', 'training_steps', 'refinements']
    command = [sys.executable, '-W', 'ignore', FOLDER / 'gpu.py', '--out', tmp_path]
    command += ['--tiny', '--device', 'cpu', '--threads', '1', '--parts', *parts]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    tables = {part: (tmp_path / f'{part}.md').read_text() for part in parts}
    rows = {
        part: sum(line.startswith('| ') for line in table.splitlines()) - 2
        for part, table in tables.items()
    }
    assert rows == dict(syncs=4, profiles=4, training_steps=4, refinements=3)
    report = (tmp_path / 'report.md').read_text()
    assert 'no GPU' in report and all(table in report for table in tables.values())
    assert 'Broken off' not in report and 'Error' not in report


def test_gpu_part_that_fails_leaves_a_line(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    gpu = pytest.importorskip('gpu')
    options = SimpleNamespace(traceback=False)

    def fails(_):
        yield '| kept |'
        raise RuntimeError('out of\nmemory')

    def endless(_):
        while True:
            time.sleep(0.01)
            yield 'row'

    table = gpu.run_part('a_part', fails, 5, options)
    assert '## a part' in table and '| kept |' in table
    assert 'Broken off: RuntimeError: out of memory' in table
    assert 'Broken off: TimeIsUp: no time left' in gpu.run_part('b', endless, 0.2, options)


def test_gpu_part_ends_with_its_time_inside_a_form(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    gpu = pytest.importorskip('gpu')
    begun = []

    def forms(_):
        for form in ('first', 'second'):
            yield 'network', 1, form, lambda form=form: begun.append(form) or time.sleep(5)

    monkeypatch.setattr(gpu.gpu_steps, 'step_forms', forms)
    options = SimpleNamespace(traceback=False)
    table = gpu.run_part('steps', gpu.training_steps, 0.2, options)
    assert begun == ['first'] and 'Broken off: TimeIsUp' in table


def test_one_repeat_is_refused_in_one_line():
    command = [sys.executable, '-W', 'ignore', FOLDER / 'ema_update.py', '--repeats', '1']
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 2
    assert result.stderr.endswith('--repeats: must be an integer of at least 2, got 1\n')


def test_rows_are_kept_and_equal_results_asked_for(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    measure = pytest.importorskip('measure')
    monkeypatch.setattr(sys, 'argv', ['benchmark', '--device', 'cpu'])

    def broken(_):
        yield measure.memory_row('kept', 6 << 20, 2 << 20, 4)
        measure.check_equal('sums', [1.0, 2.0], [1.0, 2.1], 0.04)
        yield measure.memory_row('never', 1, 1)

    with pytest.raises(SystemExit, match='sums: the forms differ by 0.05, at most 0.04'):
        measure.print_table([broken], 'A table.')
    out, err = capsys.readouterr()
    row = '| kept: memory | 6 MiB | 2 MiB | 3 |  | 4 | **no** |'
    assert row in out and row in err and 'never' not in out
