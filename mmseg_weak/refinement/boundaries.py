"""Maps of the boundaries in an image: from its colours or from a folder."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def colour_gradient_boundary(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Strength of the colour edges of an image, a boundary map that needs no training.

    Args:
        images (Tensor): RGB in [0, 1], shape (1, 3, H, W).
        size (tuple[int, int]): Height h and width w of the map.

    Returns:
        Tensor: Shape (1, h, w), in [0, 1]; 1 at the strongest two percent.
    """
    small = F.interpolate(
        images, size, mode='bilinear', align_corners=False, antialias=True
    )
    padded = F.pad(small, (1, 1, 1, 1), mode='replicate')
    dx = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    dy = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    strength = (dx.square() + dy.square()).sum(dim=1).sqrt()
    top = strength.flatten().quantile(0.98) if strength.numel() < 2**24 else strength.max()
    return (strength / top.clamp(min=1e-6)).clamp(0, 1)


class BoundaryFolder:
    """Boundary maps that a network wrote: ``{img_id}.npy``, (h, w) in [0, 1].

    Args:
        folder (str): The folder.

    Raises:
        FileNotFoundError: It does not exist.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f'folder of boundary maps {folder} does not exist')

    def __call__(self, image_id: str, size: tuple[int, int]) -> Tensor:
        """Read a map.

        Returns:
            Tensor: Shape (1, h, w) as ``size`` says.

        Raises:
            FileNotFoundError: The image has none.
            ValueError: It is no map.
        """
        path = self.folder / f'{image_id}.npy'
        if not path.is_file():
            raise FileNotFoundError(f'{path}: image {image_id!r} has no boundary map')
        boundary = np.load(path)
        if boundary.ndim != 2 or not np.isfinite(boundary).all():
            raise ValueError(f'{path}: expected a finite (h, w) map, got {boundary.shape}')
        tensor = torch.from_numpy(boundary.astype(np.float32)).clamp(0, 1)[None, None]
        return F.interpolate(tensor, size, mode='bilinear', align_corners=False)[0]


def strided_size(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Size of the grid of every ``stride``-th pixel."""
    return tuple((side - 1) // stride + 1 for side in size)
