"""Readers of checkpoints, manifests, states of stages, journals, records and configs."""

import io
import json
import struct
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from harness import Target
from image_targets import CLASSES, MASKS
from mmengine.config import ConfigDict
from torch import nn

from mmseg_weak.apis.launch import load_config
from mmseg_weak.checkpoints import (
    find_checkpoint,
    read_checkpoint,
    require_same_data,
    require_weights,
)
from mmseg_weak.datasets.pseudo_label_folder import PseudoLabelFolder
from mmseg_weak.labelling.folder import LabelFolder
from mmseg_weak.labelling.labellers import promptable
from mmseg_weak.live.journal import Journal
from mmseg_weak.models.backbones.mxnet_params import read_mxnet_params
from mmseg_weak.prediction.record import check_record
from mmseg_weak.stages.compare import Run, run_all
from mmseg_weak.stages.plan import load_stages
from mmseg_weak.stages.state import read_state

MODEL = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
CONFIG = (
    "model = dict(type='EncoderDecoder', data_preprocessor=dict(mean=[1.0], std=[2]))\n"
)


def _checkpoint(zipped: bool = True, kind: type = dict) -> bytes:
    meta = dict(
        iter=3,
        cfg=CONFIG,
        dataset_meta=kind(classes=CLASSES, palette=[[0, 0, 0]]),
        seed=np.int64(1),
    )
    state = OrderedDict(MODEL.state_dict())
    optimizer = dict(state={0: dict(momentum_buffer=torch.zeros(2, 3))})
    out = io.BytesIO()
    content = dict(meta=meta, state_dict=state, optimizer=optimizer)
    torch.save(content, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def _read_checkpoint(path: Path):
    content = read_checkpoint(str(path))
    require_weights(MODEL, content, str(path))
    model = dict(data_preprocessor=dict(mean=[1.0], std=[2]))
    require_same_data(content, str(path), CLASSES, model)
    return content


def _usable_checkpoint(content) -> bool:
    tensors = [v for v in content['state_dict'].values() if torch.is_tensor(v)]
    MODEL.load_state_dict(content['state_dict'], strict=False)
    return all(torch.isfinite(t).all() for t in tensors)


def _last(path: Path):
    return find_checkpoint(str(path.parent)) or True


def _params() -> bytes:
    array = np.arange(6, dtype='<f4')
    header = struct.pack('<IiIqqiii', 0xF993FAC9, 0, 2, 2, 3, 1, 0, 0)
    name = b'arg:conv_weight'
    return b''.join(
        (
            struct.pack('<QQQ', 0x112, 0, 1),
            header + array.tobytes(),
            struct.pack('<QQ', 1, len(name)) + name,
        )
    )


def _manifest(path: Path):
    return PseudoLabelFolder(path.parent).check(['a'], CLASSES)


def _prepared(path: Path):
    """A label folder that is gone on with."""
    folder = LabelFolder(path.parent, dict(threshold=0.5), CLASSES, np.eye(3))
    return folder.prepare()


def _record(path: Path):
    """Results of another checkpoint are refused, so that is the usual end."""
    network = SimpleNamespace(
        checkpoint=str(path.with_name('a.pth')), classes=('cat',), scale=None
    )
    return check_record(path.parent, network, path.parent, overwrite=False)


def _tensors() -> bytes:
    out = io.BytesIO()
    torch.save([torch.zeros(1, 2, 2), torch.ones(3)], out)
    return out.getvalue()


def _embeddings(path: Path):
    """What cannot be read is computed again."""
    found = promptable._load(path.with_suffix(''), '.pt', torch.device('cpu'))
    assert found is None or all(torch.is_tensor(value) for value in found)
    return True


def _state(path: Path):
    return read_state(path.parent)


def _compared(path: Path):
    run = Run('config', 0, (), path, None, ())
    return run_all([run])


def _journal(path: Path):
    journal = Journal(path)
    journal.close()
    return journal


def _usable_journal(journal) -> bool:
    clicks = journal.state.clicks.values()
    finite = all(np.isfinite(c.points).all() and isinstance(c.image, str) for c in clicks)
    return finite and isinstance(journal.next_id, int)


def _config(path: Path):
    return load_config(str(path), str(path.parent / 'work'))


def _stages(path: Path):
    return load_stages(str(path), str(path.parent / 'work'))


JOURNAL = '\n'.join(
    json.dumps(line)
    for line in (
        dict(op='class', name='cat'),
        dict(op='class', name='dog'),
        dict(op='add', id=0, image='a.jpg', points=[[1, 2.5]], **{'class': 'cat'}),
        dict(op='add', id=1, image='a.jpg', points=[[1, 2], [3, 4]], **{'class': 'dog'}),
        dict(op='undo'),
        dict(op='redo'),
        dict(op='rename', name='dog', to='wolf'),
        dict(op='merge', name='wolf', to='cat'),
        dict(op='remove', id=0),
    )
)
STATE = dict(
    fingerprint=dict(command=['train'], env={}, inputs={'a.py': '0123'}),
    finished=True,
    minutes=1.5,
)
STAGES = """seed = 0
stages = [
    dict(type='Command', name='a', command=['{python}', '-V'], outputs=['{stage}/a']),
    dict(type='Command', name='b', command=['true', '{a}/a'], inputs=['{a}/a']),
]
"""
LABEL_MANIFEST = dict(classes=list(CLASSES), settings=dict(threshold=0.5))
A_LABEL = (('a.png', MASKS[0]), ('report.json', b'{}'))


def _json(content) -> tuple[bytes, ...]:
    return (json.dumps(content).encode(),)


TARGETS = [
    Target(
        'checkpoint',
        (_checkpoint(), _checkpoint(kind=ConfigDict)),
        _read_checkpoint,
        file='iter_3.pth',
        kind='zip',
        usable=_usable_checkpoint,
    ),
    Target(
        'checkpoint before torch 1.6',
        (_checkpoint(False), _checkpoint(False, ConfigDict)),
        _read_checkpoint,
        file='iter_3.pth',
        usable=_usable_checkpoint,
    ),
    Target(
        'last_checkpoint',
        (b'/somewhere/work/iter_3.pth\n',),
        _last,
        file='last_checkpoint',
        beside=(('iter_3.pth', _checkpoint()),),
    ),
    Target('MXNet weights', (_params(),), read_mxnet_params),
    Target(
        'manifest of labels',
        (
            *_json(dict(classes=list(CLASSES), made_by='a colleague')),
            *_json(LABEL_MANIFEST),
        ),
        _manifest,
        file='manifest.json',
        kind='json',
        beside=A_LABEL,
    ),
    Target(
        'manifest of labels to go on with',
        _json(LABEL_MANIFEST),
        _prepared,
        file='manifest.json',
        kind='json',
        beside=A_LABEL,
    ),
    Target(
        'record of predictions',
        _json(dict(checkpoint='a.pth', sha256='0', classes=[], scale=None)),
        _record,
        file='prediction.json',
        kind='json',
        beside=(('a.pth', b'weights'),),
    ),
    Target('stored embeddings', (_tensors(),), _embeddings, file='a.pt', kind='zip'),
    Target('state of a stage', _json(STATE), _state, file='stage.json', kind='json'),
    Target(
        'metrics of a stage',
        _json(dict(mIoU=55.5, aAcc=70.1)),
        _compared,
        file='metrics.json',
        kind='json',
    ),
    Target(
        'journal of a live session',
        (JOURNAL.encode(),),
        _journal,
        kind='lines',
        file='journal.jsonl',
        usable=_usable_journal,
    ),
    Target('training config', (CONFIG.encode(),), _config, file='config.py'),
    Target('list of stages', (STAGES.encode(),), _stages, file='stages.py'),
]
