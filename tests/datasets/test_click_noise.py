"""Wrong classes on real clicks."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.datasets.click_simulation import confuse_classes
from mmseg_weak.datasets.click_table import ClickTable

TOOL = Path(__file__).resolve().parents[2] / 'tools/dataset_converters/confuse_clicks.py'


def many_clicks(seed, number=60):
    rng = np.random.default_rng(seed)
    return ClickTable.from_rows(
        [
            (f'image{rng.integers(8)}', float(i), 1.0, int(rng.integers(0, 5)), i % 3)
            for i in range(number)
        ]
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), small=st.floats(0, 1), large=st.floats(0, 1))
def test_errors_of_a_small_share_are_among_those_of_a_large_one(seed, small, large):
    small, large = sorted([small, large])
    clicks = many_clicks(seed)
    few = confuse_classes(clicks, [1, 2, 4], small, seed).label
    many = confuse_classes(clicks, [1, 2, 4], large, seed).label
    wrong = few != clicks.label
    assert (few[wrong] == many[wrong]).all()
    untouched = np.isin(clicks.label, [0, 3])
    assert (many[untouched] == clicks.label[untouched]).all()
    assert np.isin(many[~untouched], [1, 2, 4]).all()


def test_share_and_other_columns():
    clicks = many_clicks(3, 4000)
    confused = confuse_classes(clicks, range(5), 0.3)
    assert abs((confused.label != clicks.label).mean() - 0.3) < 0.03
    assert (confused.xy == clicks.xy).all() and (confused.rank == clicks.rank).all()
    assert (confuse_classes(clicks, range(5), 1).label != clicks.label).all()
    assert (confuse_classes(clicks, range(5), 0).label == clicks.label).all()


@pytest.mark.parametrize(
    'options, message', [((([1]), 0.1), 'two classes'), (([1, 2], 1.5), r'in \[0, 1\]')]
)
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=message):
        confuse_classes(many_clicks(0), *options)


def run(*args):
    return subprocess.run([sys.executable, TOOL, *args], capture_output=True, text=True)


def test_tool_keeps_everything_but_the_class(tmp_path):
    clicks = {'a': [dict(x=253.37, y=2.0, cls=8, rank=1), dict(x=3.0, y=4.5, cls=0)]}
    (tmp_path / 'clicks.json').write_text(json.dumps(clicks))
    out = tmp_path / 'wrong.json'
    done = run(tmp_path / 'clicks.json', out, '--classes', '8', '10', '--share', '1')
    assert done.returncode == 0, done.stderr
    clicks['a'][0]['cls'] = 10
    assert json.loads(out.read_text()) == clicks


@pytest.mark.parametrize(
    'entry, options, message',
    [
        ('cat', ['1', '2'], "class 'cat' is no id"),
        (1.7, ['1', '2'], 'class 1.7 is no id'),
        (1, ['8', '9'], 'no click on the classes'),
    ],
)
def test_tool_refuses(tmp_path, entry, options, message):
    clicks = tmp_path / 'clicks.json'
    clicks.write_text(json.dumps({'a': [dict(x=1, y=2, cls=entry)]}))
    done = run(clicks, tmp_path / 'o.json', '--classes', *options, '--share', '1')
    assert done.returncode == 1
    assert message in done.stderr and 'Traceback' not in done.stderr


def test_tool_leaves_real_clicks_alone(tmp_path):
    clicks = tmp_path / 'clicks.json'
    clicks.write_text('{"a": [{"x": 1, "y": 2, "cls": 1}]}')
    before = clicks.read_text()
    done = run(clicks, clicks, '--classes', '1', '2', '--share', '1')
    assert done.returncode == 1 and 'another file' in done.stderr
    assert clicks.read_text() == before
