"""What the package declares, and what its wheel holds."""

import ast
import re
import subprocess
import sys
import zipfile

import pytest
import yaml
from mmengine.config import Config
from setuptools.config.pyprojecttoml import read_configuration
from toy import REPOSITORY

import mmseg_weak
import mmseg_weak.apis
from mmseg_weak import cli

# Names of distributions that differ from those of their modules.
DISTRIBUTIONS = {'cv2': 'opencv-python', 'PIL': 'pillow', 'skimage': 'scikit-image'}
TOOLBOX = {'mmengine', 'mmcv', 'mmseg'}
WITH_TORCH = {'triton'}  # on GPUs; nothing needs it


def project():
    settings = read_configuration(REPOSITORY / 'pyproject.toml', expand=False)
    return settings['project']


def names(requirements):
    return {
        re.match(r'[\w.-]+', line)[0].lower().replace('_', '-') for line in requirements
    }


def imported(tree):
    """Modules of absolute imports below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split('.')[0]


def third_party():
    """Distributions that any file of the package imports."""
    modules = set()
    for path in (REPOSITORY / 'mmseg_weak').rglob('*.py'):
        modules.update(imported(ast.parse(path.read_text())))
    modules -= {*sys.stdlib_module_names, 'mmseg_weak', *TOOLBOX, *WITH_TORCH}
    return {DISTRIBUTIONS.get(name, name).lower().replace('_', '-') for name in modules}


def test_what_is_imported_is_declared_and_nothing_else():
    needed = names(project()['dependencies'])
    optional = set()
    for extra in project()['optional-dependencies'].values():
        optional |= names(extra)
    assert needed - third_party() == set(), 'declared, never imported'
    assert third_party() - needed - optional == set(), 'imported, not declared'


def test_the_two_stacks_are_not_mixed():
    extras = project()['optional-dependencies']
    assert {f'onedl-{name}' for name in ('mmengine', 'mmcv')} <= names(extras['onedl'])
    assert not any(name.startswith('onedl') for name in names(extras['openmmlab']))


def test_the_model_index_names_files_that_exist():
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    metafiles = [
        path.relative_to(REPOSITORY) for path in REPOSITORY.glob('configs/*/*.yml')
    ]
    assert sorted(index['Import']) == sorted(map(str, metafiles))


def test_shipped_configs_are_a_base_from_anywhere(tmp_path):
    name = '_base_/default_runtime.py'
    path = tmp_path / 'own.py'
    path.write_text(f"_base_ = __import__('mmseg_weak').config_path('{name}')\nseed = 3\n")
    config = Config.fromfile(path)
    assert config.seed == 3
    assert (
        config.default_scope == Config.fromfile(REPOSITORY / 'configs' / name).default_scope
    )
    with pytest.raises(FileNotFoundError, match='config nothing.py does not exist, nor'):
        mmseg_weak.config_path('nothing.py')
    assert mmseg_weak.config_path(path) == str(path)
    assert mmseg_weak.config_path(f'configs/{name}').endswith(f'configs/{name}')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Names of the files of a wheel built from the tracked files."""
    source, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('dist')
    listing = ['git', 'ls-files', '--cached', '--others', '--exclude-standard']
    files = subprocess.run(
        listing, cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in files:
        path = REPOSITORY / name
        if name.startswith('tests/') or not (path.exists() or path.is_symlink()):
            continue
        goal = source / name
        goal.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            goal.symlink_to(path.readlink())
        else:
            goal.write_bytes(path.read_bytes())
    command = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps']
    command += ['--no-build-isolation', '-w', str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(next(out.glob('*.whl'))) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module_config_and_tool(wheel):
    expected = {
        str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob('mmseg_weak/**/*.py')
    }
    for pattern in ('configs/**/*.py', 'configs/*/*.yml', 'tools/*.py', 'model-index.yml'):
        for path in REPOSITORY.glob(pattern):
            expected.add(f'mmseg_weak/.mim/{path.relative_to(REPOSITORY)}')
    assert expected - wheel == set()


def test_the_wheel_holds_nothing_else(wheel):
    other = {name for name in wheel if not name.startswith('mmseg_weak')}
    assert other == set()
    assert not any('__pycache__' in name for name in wheel)


def test_the_wheel_has_the_command():
    assert project()['scripts'] == {'mmseg-weak': 'mmseg_weak.cli:main'}


def test_verbs_are_functions_too():
    """Verbs of the command, by their names."""
    verbs = {'convert', 'export', 'init', 'predict', 'show', 'test', 'train'}
    assert verbs <= set(cli.verbs())
    for verb in verbs:
        function = getattr(mmseg_weak.apis, verb)
        assert callable(function) and function.__doc__, verb
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        mmseg_weak.apis.nothing  # noqa: B018
