"""Options of a command line that are given in several places."""

import argparse

import pytest

from mmseg_weak.apis.cfg_options import MergedDictAction


def parse(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=MergedDictAction)
    return parser.parse_args(words).cfg_options


def test_options_given_twice_add_up_and_the_last_value_counts():
    twice = parse('--cfg-options', 'a.b=1', 'c=[1,2]', '--cfg-options', 'a.d=x', 'c=3')
    assert twice == {'a.b': 1, 'a.d': 'x', 'c': 3}
    assert parse('--cfg-options', 'a=1') == {'a': 1}
    assert parse() is None


def test_an_option_without_a_value_is_named(capsys):
    with pytest.raises(SystemExit):
        parse('--cfg-options', 'a=1', 'threshold')
    assert "expected key=value, got 'threshold'" in capsys.readouterr().err


def test_values_with_dicts():
    words = ["a=[dict(type='A', x=dict(y=1.5)), {'b': None}]", 'c={"d": [1, 2]}', 'e=1']
    assert parse('--cfg-options', *words) == {
        'a': [{'type': 'A', 'x': {'y': 1.5}}, {'b': None}],
        'c': {'d': [1, 2]},
        'e': 1,
    }


@pytest.mark.parametrize('value', ['[dict(a=A)]', '{', "dict(x=open('a'))", 'dict(1)'])
def test_values_that_are_none_are_named(value, capsys):
    with pytest.raises(SystemExit):
        parse('--cfg-options', f'model.x={value}')
    assert f'model.x={value}: no value of Python' in capsys.readouterr().err
