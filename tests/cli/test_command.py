import subprocess
import sys
from importlib import import_module

import pytest

import mmseg_weak
from mmseg_weak import cli

TOY = '''"""Say the words.

More lines.
"""

def add_arguments(parser):
    parser.add_argument('words', nargs='+')


def run(args):
    if args.words == ['wrong']:
        raise ValueError('file a.txt, line 3: no such word')
    print(*args.words)
'''
HEAVY = ('torch', 'mmengine', 'mmseg', 'numpy')


@pytest.fixture
def toy_verb(tmp_path, monkeypatch):
    """A verb ``say`` that stands outside the package."""
    (tmp_path / 'say.py').write_text(TOY)
    (tmp_path / '_parts.py').write_text('')
    monkeypatch.setattr(cli, '__path__', [*cli.__path__, str(tmp_path)])
    yield
    sys.modules.pop('mmseg_weak.cli.say', None)


def run_python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True)


def test_verbs_are_the_modules_of_the_package(toy_verb):
    assert 'say' in cli.verbs()
    assert not any(name.startswith('_') for name in cli.verbs())


def test_a_verb_runs_from_the_command_and_as_a_script(toy_verb, capsys):
    cli.main(['say', 'two', 'words'])
    cli.run_verb('say', ['more'])
    assert capsys.readouterr().out == 'two words\nmore\n'


@pytest.mark.parametrize(
    'words, expected',
    [
        ('stages list.py --seed 1 train test', dict(stages=['train', 'test'], seed=1)),
        ('stages list.py train --seed 1 test', dict(stages=['train', 'test'], seed=1)),
        ('stages --list list.py', dict(stages=[], config='list.py', list=True)),
        ('init photos --out new a.csv masks', dict(labels=['a.csv', 'masks'], out='new')),
        ('init --out new photos', dict(labels=[], photos='photos')),
        ('compare a.py --jobs 2 b.py', dict(configs=['a.py', 'b.py'], jobs=2)),
    ],
)
def test_words_before_and_behind_options(words, expected, monkeypatch):
    seen = []
    verb = import_module(f'mmseg_weak.cli.{words.split()[0]}')
    monkeypatch.setattr(verb, 'run', seen.append)
    cli.main(words.split())
    cli.run_verb(words.split()[0], words.split()[1:])
    assert len(seen) == 2
    for args in seen:
        assert expected.items() <= vars(args).items()


@pytest.mark.parametrize(
    'words, told',
    [
        ('init photos --outt new a.csv', 'unrecognized arguments: --outt new a.csv'),
        ('init --out new', 'the following arguments are required: photos\n'),
        ('stages --seed 1', 'the following arguments are required: config\n'),
    ],
)
def test_mistakes_in_words(words, told, capsys):
    with pytest.raises(SystemExit):
        cli.main(words.split())
    assert told in capsys.readouterr().err


def test_what_takes_seconds_to_load_says_so_first(toy_verb, capsys, monkeypatch):
    said = []
    monkeypatch.setattr(mmseg_weak, 'register', lambda: said.append(capsys.readouterr()))
    cli.main(['say', 'two'])
    monkeypatch.setattr(
        sys.modules['mmseg_weak.cli.say'], 'FIRST', 'loading', raising=False
    )
    cli.main(['say', 'two'])
    assert [said[0].out, said[1].out] == ['', 'two\nloading\n']
    assert import_module('mmseg_weak.cli.annotate').FIRST == 'loading the network …'


def test_help_is_the_docstring(toy_verb, capsys):
    with pytest.raises(SystemExit):
        cli.main(['--help'])
    overview = capsys.readouterr().out
    assert 'Say the words.' in overview and 'More lines.' not in overview
    with pytest.raises(SystemExit):
        cli.main(['say', '--help'])
    assert 'More lines.' in capsys.readouterr().out


def test_a_mistake_is_one_line(toy_verb):
    with pytest.raises(SystemExit, match='error: file a.txt, line 3: no such word'):
        cli.main(['say', 'wrong'])


def test_an_absent_toolbox_is_one_line(toy_verb, monkeypatch):
    def register():
        raise ImportError('mmseg_weak needs mmseg')

    monkeypatch.setattr(mmseg_weak, 'register', register)
    with pytest.raises(SystemExit, match='error: mmseg_weak needs mmseg'):
        cli.main(['say', 'a'])


def test_help_loads_nothing_heavy():
    code = (
        'import sys; sys.argv = ["mmseg-weak", "--help"]\n'
        'from mmseg_weak.cli import main\n'
        'try: main()\n'
        f'finally: print("loaded", [n for n in {HEAVY} if n in sys.modules])'
    )
    result = run_python('-c', code)
    assert 'usage: mmseg-weak' in result.stdout
    assert result.stdout.endswith('loaded []\n'), result.stdout


def test_the_package_as_a_program_is_the_command():
    assert 'usage: mmseg-weak' in run_python('-m', 'mmseg_weak', '-h').stdout


def test_other_programs_register_at_import(tmp_path):
    """Also ``python -m`` of another package that imports this one."""
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/__init__.py').write_text('import mmseg_weak\n')
    (tmp_path / 'other/__main__.py').write_text(
        'from mmseg.registry import MODELS; print("SeminarSegmentor" in MODELS)\n'
    )
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'other'],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.stdout.strip().endswith('True'), result.stderr


def test_options_on_the_command_line_do_not_hide_components():
    """Reading ``--cfg-options`` imports parts of the package before they are registered."""
    code = """
import argparse, sys
sys.argv = ['mmseg-weak', 'train']
import mmseg_weak
from mmseg_weak.cli._arguments import add_cfg_options
parser = argparse.ArgumentParser()
add_cfg_options(parser)
parser.parse_args(['--cfg-options', 'a=1'])
mmseg_weak.register()
from mmseg.registry import METRICS
print(METRICS.get('ClickIoUMetric').__name__)
"""
    result = run_python('-W', 'ignore', '-c', code)
    assert result.stdout.strip() == 'ClickIoUMetric', result.stderr
