import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmseg_weak import _toolbox


def with_versions(monkeypatch, **versions):
    """Pretend that these toolbox versions are installed."""
    found = dict(mmengine='0.10.7', mmcv='2.1.0', mmseg='1.2.2', **{})
    found.update(versions)

    def import_module(name):
        if found[name.split('.')[0]] is None:
            raise ModuleNotFoundError(f"No module named '{name}'")
        return SimpleNamespace(__version__=found[name.split('.')[0]])

    monkeypatch.setattr(_toolbox.importlib, 'import_module', import_module)


def test_both_stacks_are_accepted(monkeypatch, recwarn):
    with_versions(monkeypatch)
    _toolbox.check_toolbox()
    with_versions(monkeypatch, mmengine='0.10.12', mmcv='2.3.6', mmseg='1.4.2')
    _toolbox.check_toolbox()
    assert not recwarn.list


@pytest.mark.parametrize(('version', 'expected'), [('0.10.7', '1'), ('0.10.12', None)])
def test_only_old_mmengine_gets_its_way_of_loading(monkeypatch, version, expected):
    monkeypatch.delenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', raising=False)
    with_versions(monkeypatch, mmengine=version)
    _toolbox.check_toolbox()
    assert os.environ.get('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD') == expected
    monkeypatch.delenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', raising=False)


@pytest.mark.parametrize('name', ['mmengine', 'mmcv', 'mmseg'])
def test_missing_package_says_what_to_install(monkeypatch, name):
    with_versions(monkeypatch, **{name: None})
    with pytest.raises(ImportError, match=rf'needs {name}.*mmseg_weak\[onedl\]'):
        _toolbox.check_toolbox()


def test_old_package_is_refused_and_a_newer_one_warned_about(monkeypatch):
    with_versions(monkeypatch, mmseg='0.30.0')
    with pytest.raises(ImportError, match=r'mmseg >= 1\.2\.0, found 0\.30\.0'):
        _toolbox.check_toolbox()
    with_versions(monkeypatch, mmcv='2.4.0rc1')
    with pytest.warns(UserWarning, match=r'mmcv 2\.4\.0rc1 is newer'):
        _toolbox.check_toolbox()


def test_the_message_is_the_last_line_of_a_real_import(tmp_path):
    (tmp_path / 'mmseg.py').write_text('raise ImportError("broken build")')
    code = f'import sys; sys.path.insert(0, {str(tmp_path)!r}); import mmseg_weak'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert 'mmseg_weak needs mmseg' in last
    assert 'broken build' in last and 'pip install' in last


def test_mmcv_without_operators_is_named(tmp_path):
    """As under mmcv-lite, where mmseg 1.2.2 fails deep inside its losses."""
    (tmp_path / 'mmseg').mkdir()
    (tmp_path / 'mmseg' / '__init__.py').write_text('__version__ = "1.2.2"')
    (tmp_path / 'mmseg' / 'models.py').write_text(
        'raise ModuleNotFoundError("No module named mmcv._ext", name="mmcv._ext")'
    )
    code = f'import sys; sys.path.insert(0, {str(tmp_path)!r}); import mmseg_weak'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert 'mmcv with compiled operators' in last and 'make env-openmmlab' in last
