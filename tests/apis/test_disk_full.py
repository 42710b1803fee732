"""A disk that is full meets one clear error in whatever is written."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from toy import CLASSES, REPOSITORY, toy_config, toy_model

from mmseg_weak._files import write_json

# Runs a tool; at the first label the kernel begins to refuse files above 600 bytes, as it
# refuses all on a full disk. A PNG with its palette is larger.
FULL = """
import resource, runpy, sys
from mmseg_weak.labelling.folder import LabelFolder

write = LabelFolder.write


def write_to_full_disk(*args):
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
    write(*args)


LabelFolder.write = write_to_full_disk
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_label_tool_names_the_file(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path / 'work', toy_model())
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'config.py')
    state = MODELS.build(config.model).state_dict()
    meta = dict(dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'peer.pth')
    tool = str(REPOSITORY / 'tools/make_pseudo_labels.py')
    command = [sys.executable, '-W', 'ignore', '-c', FULL, tool]
    command += [str(tmp_path / 'config.py'), str(tmp_path / 'peer.pth')]
    command += ['--out', str(tmp_path / 'labels'), '--scales', '1', '--no-flip']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    message = done.stderr.splitlines()[-2]
    assert 'labels/toy_00.png cannot be written' in message and 'too large' in message
    left = [file.name for file in (tmp_path / 'labels').rglob('*') if file.is_file()]
    assert left == ['manifest.json']


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


def test_numbers_that_json_has_no_word_for_become_null(tmp_path):
    content = dict(mIoU=np.float64('nan'), IoU=[float('inf'), 1], n=np.int64(3), ok=True)
    write_json(tmp_path / 'x.json', content)

    def refuse(word):
        raise AssertionError(f'{word} is no JSON')

    found = json.loads((tmp_path / 'x.json').read_text(), parse_constant=refuse)
    assert found == dict(mIoU=None, IoU=[None, 1], n=3, ok=True)
