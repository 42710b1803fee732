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
