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


WRONG = [
    '[dict(a=A)]',
    '[1,2',
    '{',
    "dict(x=open('a'))",
    'dict(1)',
    '{[1]:2}',
    "dict(**{'a':1})",
]


@pytest.mark.parametrize('value', WRONG)
def test_values_that_are_none_are_named(value, capsys):
    with pytest.raises(SystemExit):
        parse('--cfg-options', f'model.x={value}')
    message = capsys.readouterr().err
    assert f'model.x={value}' in message and 'is not a value of Python' in message


def test_placeholders_and_brackets_in_texts_stay():
    texts = dict(w='/tmp/x/{seed}', o='runs/predict(1)', a='[x,y]', d='{work}/x', b='(1,2)')
    words = [f'{key}={text}' for key, text in texts.items()]
    expected = texts | dict(a=['x', 'y'], b=(1, 2))
    assert parse('--cfg-options', *words) == expected


def test_the_last_value_counts_in_its_order():
    found = parse('--cfg-options', 'm=1', 'm.r=dict(w=1)', 'm.r.w=2', "m={'x':1}", 'm=2')
    assert list(found.items()) == [('m.r', {'w': 1}), ('m.r.w', 2), ('m', 2)]
