"""A folder of small photographs and a session on a tiny random network."""

import cv2
import numpy as np
import pytest

from mmseg_weak.live import FrozenPyramid, LiveSession

TINY = dict(type='EfficientNetLite', arch='lite0', out_indices=(0, 1, 2))


@pytest.fixture(scope='session')
def pyramid():
    return FrozenPyramid(TINY, long_side=64)


@pytest.fixture
def photos(tmp_path):
    """Green images with a red square whose place varies."""
    folder = tmp_path / 'photos'
    (folder / 'more').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, name in enumerate(['a.png', 'b.jpg', 'more/a.png', 'more/c.JPG']):
        image = np.full((48, 64, 3), (40, 160, 60), np.uint8)
        x = 4 + 10 * i
        image[10:34, x : x + 24] = (40, 40, 200)  # OpenCV: BGR
        noise = rng.integers(-10, 10, image.shape)
        cv2.imwrite(str(folder / name), (image + noise).clip(0, 255).astype(np.uint8))
    (folder / '.hidden').mkdir()
    cv2.imwrite(str(folder / '.hidden' / 'd.png'), image)
    (folder / 'notes.txt').write_text('no image')
    return folder


@pytest.fixture
def session(photos, tmp_path, pyramid):
    return LiveSession(photos, ['grass', 'square'], tmp_path / 'work', pyramid)
