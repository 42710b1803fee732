import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'benchmark'

FOUNDATION = pytest.mark.skipif(
    find_spec('transformers') is None, reason='transformers is not installed'
)


@pytest.mark.parametrize(
    ('script', 'num_rows'),
    [
        ('click_losses', 6),
        ('training_step', 2),
        ('ema_update', 3),
        ('click_pipeline', 1),
        ('clustering', 4),
        ('multi_scale_cam', 4),
        ('label_transfer', 5),
        ('mutual_promotion', 4),
        ('regularised_losses', 4),
        pytest.param('promptable', 1, marks=FOUNDATION),
    ],
)
def test_prints_a_row_for_each_ratio(script, num_rows):
    command = [sys.executable, '-W', 'ignore', FOLDER / f'{script}.py', '--tiny']
    command += ['--device', 'cpu', '--repeats', '2']
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith('| ')]
    head, rule, *rows = ([cell.strip() for cell in line.split('|')] for line in lines)
    assert head[1:5] == ['what', 'toolbox', 'ours', 'ratio']
    assert set(rule[1]) == {'-'}
    assert len(rows) == num_rows
    assert all(float(row[4]) >= 0 for row in rows)
    assert len({row[1] for row in rows}) == num_rows
