import json
import logging

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image
from real_part import SETS, Part

import mmseg_weak  # noqa: F401 registers the components

# File ids are VOC's: 0 background, 8 cat, 12 dog, 15 person.
CLICKS = {
    'a': [
        dict(x=3, y=4, cls=8, rank=1),
        dict(x=5.5, y=6.5, cls=8, rank=2),
        dict(x=7, y=8, cls=15, rank=1),
        dict(x=40, y=8, cls=15, rank=2),
    ],
    'sub/b': [dict(x=0, y=0, cls='dog'), dict(x=29.9, y=19.9, cls=0)],
    'not_listed': [dict(x=1, y=1, cls=8)],
}


@pytest.fixture(autouse=True)
def _mmseg_scope():
    init_default_scope('mmseg')


@pytest.fixture
def root(tmp_path):
    """A data set of three images of 30 x 20 pixels; 'c' has no click."""
    generator = np.random.default_rng(0)
    for name in ('a', 'sub/b', 'c'):
        path = tmp_path / 'images' / f'{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (tmp_path / 'clicks.json').write_text(json.dumps(CLICKS))
    (tmp_path / 'split.txt').write_text('a\nsub/b\n\nc.png\n')
    return tmp_path


@pytest.fixture
def config(root):
    """Arguments of a data set on ``root``."""
    return dict(
        data_root=str(root),
        ann_file='split.txt',
        data_prefix=dict(img_path='images'),
        img_suffix='.png',
        click_file='clicks.json',
    )


@pytest.fixture(params=SETS)
def part(request, tmp_path, monkeypatch):
    monkeypatch.setenv('SET', request.param)
    return Part(request.param, tmp_path)


@pytest.fixture
def told(monkeypatch):
    """What data sets say."""
    lines = []

    def keep(text, logger=None, level=logging.INFO):
        lines.append(str(text))

    monkeypatch.setattr('mmseg_weak.datasets.messages.print_log', keep)
    return lines
