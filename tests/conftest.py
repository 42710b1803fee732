"""A tiny set of noisy pictures with clicks and masks."""
# ruff: noqa: E402

import json
import os

# Most tests compare bits, which a GPU does not repeat, or start more processes than there
# are GPUs. `MMSEG_WEAK_TEST_GPU=1 pytest -m gpu` runs those that want one.
USE_GPU = os.environ.get('MMSEG_WEAK_TEST_GPU') == '1'
if not USE_GPU:
    os.environ['CUDA_VISIBLE_DEVICES'] = ''

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

import mmseg_weak  # noqa: F401

torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
# Two test processes on two cores: more threads only get in each other's way.
os.environ.setdefault('OMP_NUM_THREADS', '1')


def pytest_collection_modifyitems(items):
    """Leave out what needs a GPU where none is asked for."""
    if USE_GPU and not torch.cuda.is_available():
        raise pytest.UsageError('MMSEG_WEAK_TEST_GPU=1, and torch sees no GPU')
    if not USE_GPU:
        reason = 'needs a GPU and MMSEG_WEAK_TEST_GPU=1'
        for item in items:
            if item.get_closest_marker('gpu'):
                item.add_marker(pytest.mark.skip(reason=reason))


COLOURS = ((90, 90, 90), (200, 60, 40), (40, 80, 210))


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Components are looked up in mmseg's registries."""
    init_default_scope('mmseg')


def draw_sample(rng, size=64):
    """One image, its mask and clicks: a square and a disc on grey."""
    mask = np.zeros((size, size), np.uint8)
    y, x = np.mgrid[:size, :size]
    sy, sx, dy, dx = rng.integers(8, size - 16, 4)
    mask[sy : sy + 14, sx : sx + 14] = 1
    mask[(y - dy) ** 2 + (x - dx) ** 2 < 64] = 2
    image = np.array(COLOURS)[mask] + rng.normal(0, 12, (size, size, 3))
    clicks = []
    for label in range(3):
        rows, columns = np.nonzero(mask == label)
        if len(rows):
            i = rng.integers(len(rows))
            clicks.append(dict(x=int(columns[i]), y=int(rows[i]), cls=label, rank=1))
    return image.clip(0, 255).astype(np.uint8), mask, clicks


@pytest.fixture(scope='session')
def toy_root(tmp_path_factory):
    """Folder with 16 images, masks, a split list and a click file."""
    root = tmp_path_factory.mktemp('toy')
    rng = np.random.default_rng(0)
    (root / 'images').mkdir()
    (root / 'masks').mkdir()
    clicks = {}
    for i in range(16):
        image, mask, clicks[f'toy_{i:02d}'] = draw_sample(rng)
        Image.fromarray(image).save(root / 'images' / f'toy_{i:02d}.png')
        Image.fromarray(mask).save(root / 'masks' / f'toy_{i:02d}.png')
    (root / 'clicks.json').write_text(json.dumps(clicks))
    (root / 'train.txt').write_text('\n'.join(sorted(clicks)[:12]))
    (root / 'val.txt').write_text('\n'.join(sorted(clicks)[12:]))
    return root
