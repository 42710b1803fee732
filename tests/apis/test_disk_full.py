"""A disk that is full meets one clear error in whatever is written."""

import resource
import subprocess
import sys

import pytest
import torch
from mmseg.registry import MODELS
from toy import CLASSES, REPOSITORY, toy_config, toy_model

from mmseg_weak._files import write_json

LIMIT = 600  # bytes; the manifest and a PNG with its palette are larger


def small_files_only():
    """The kernel refuses larger ones, as it refuses all on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def test_label_tool_names_the_file(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path / 'work', toy_model())
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'config.py')
    state = MODELS.build(config.model).state_dict()
    meta = dict(dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'peer.pth')
    tool = str(REPOSITORY / 'tools/make_pseudo_labels.py')
    command = [sys.executable, '-W', 'ignore', tool, str(tmp_path / 'config.py')]
    command += [str(tmp_path / 'peer.pth'), '--out', str(tmp_path / 'labels')]
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=small_files_only
    )
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert f'{tmp_path}/labels/' in done.stderr.splitlines()[-2]
    assert 'cannot be written' in done.stderr and 'too large' in done.stderr
    assert not [file for file in (tmp_path / 'labels').rglob('*') if file.is_file()]


def test_json_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    write_json(tmp_path / 'x.json', dict(a=1))
    before = (tmp_path / 'x.json').read_bytes()

    def full(*_, **__):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('json.dump', full)
    with pytest.raises(ValueError, match=r'x\.json cannot be written .*No space left'):
        write_json(tmp_path / 'x.json', dict(a=2))
    assert (tmp_path / 'x.json').read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
