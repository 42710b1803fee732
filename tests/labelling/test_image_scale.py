"""Images far above the training scale are told of."""

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.labelling import sources
from mmseg_weak.labelling.sources import warn_of_large_images


class Images(list):
    def path(self, i):
        return self[i]


@pytest.fixture
def images(tmp_path):
    paths = []
    for i, size in enumerate(((90, 40), (40, 100), (200, 20))):
        paths.append(str(tmp_path / f'{i}.png'))
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(paths[-1])
    return Images(paths)


@pytest.mark.parametrize(
    ('step', 'ratio'),
    [
        (dict(type='RandomResize', scale=(50, 40), ratio_range=(0.5, 1.0)), 2.0),
        (dict(type='RandomResize', scale=(20, 20), ratio_range=(0.5, 2.0)), 2.5),
        (dict(type='Resize', scale=(100, 80)), 1.0),
        (dict(type='RandomFlip'), np.nan),
    ],
)
def test_ratio_and_warning(images, monkeypatch, step, ratio):
    said = []
    monkeypatch.setattr(sources, 'print_log', lambda text, **_: said.append(text))
    images.training_steps = [step]
    np.testing.assert_allclose(warn_of_large_images(images), ratio)
    assert bool(said) == (ratio > 2)
    if said:
        assert '100 pixels on the long side' in said[0] and '2.5 times' in said[0]
