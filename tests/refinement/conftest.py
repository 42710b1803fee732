"""Arrays of the published implementations, kept outside the repository."""

from pathlib import Path

import numpy as np
import pytest
import torch

ARRAYS = Path(__file__).resolve().parents[3] / 'shared/reference/reference_a.npz'


@pytest.fixture(scope='session')
def arrays():
    """NumPy arrays by name."""
    if not ARRAYS.exists():
        pytest.skip(f'reference arrays absent: ../{ARRAYS.parent.name}/{ARRAYS.name}')
    return dict(np.load(ARRAYS))


@pytest.fixture(scope='session')
def reference(arrays):
    """The same as tensors, and the images in [0, 1]."""
    tensors = {name: torch.as_tensor(value) for name, value in arrays.items()}
    tensors['images'] = tensors['image_u8'].permute(0, 3, 1, 2).float() / 255
    return tensors
