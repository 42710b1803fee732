"""Steps that scores of activation maps go through before they become labels."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .boundary_refinement import REFINEMENTS, build_refinement
from .random_walk import random_walk

# Published lower bound of a score: where a class is not active at all, the neighbours must
# still be able to outvote its -log.
SCORE_FLOOR = 1e-5
Step = Callable[[Tensor, Tensor, str], Tensor]


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


class RandomWalkStep:
    """Spread scores of background and classes up to the boundaries of the image.

    Args:
        boundary (str): ``gradient`` for the colour edges of the image, or a folder, see
            :class:`BoundaryFolder`. Defaults to ``gradient``.
        stride (int): The walk runs on a grid that is coarser by it. Defaults to 4.
        **options: Of :func:`~mmseg_weak.refinement.random_walk`.

    Raises:
        ValueError: The stride is below 1.
    """

    def __init__(self, boundary: str = 'gradient', stride: int = 4, **options) -> None:
        if stride < 1:
            raise ValueError(f'random_walk: stride must be >= 1, got {stride}')
        self.folder = None if boundary == 'gradient' else BoundaryFolder(boundary)
        self.stride, self.options = stride, options

    def __call__(self, image: Tensor, scores: Tensor, image_id: str) -> Tensor:
        """Walk; shapes as in :func:`build_cam_step`."""
        size = strided_size(image.shape[2:], self.stride)
        if self.folder is None:
            boundary = colour_gradient_boundary(image, size)
        else:
            boundary = self.folder(image_id, size).to(image.device)
        small = F.interpolate(
            scores, size, mode='bilinear', align_corners=False, antialias=True
        )
        walked = random_walk(small[0], boundary, **self.options)[None]
        return F.interpolate(
            walked, tuple(image.shape[2:]), mode='bilinear', align_corners=False
        )


def strided_size(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Size of the grid of every ``stride``-th pixel."""
    return tuple((side - 1) // stride + 1 for side in size)


# Factories of steps by name; an affinity network adds its own here.
CAM_STEPS: dict[str, Callable[..., Step]] = dict(random_walk=RandomWalkStep)


def build_cam_step(config: Mapping) -> Step:
    """Build a step from a config.

    Args:
        config (dict): ``dict(type='dense_crf' | 'PixelAdaptiveRefinement' | 'random_walk',
            ...)`` with the options of each.

    Returns:
        Callable: ``(image, scores, image id) -> scores``: RGB in [0, 1] of shape
        (1, 3, H, W) and scores >= 0 of background and the classes present, (1, n, H, W).

    Raises:
        FileNotFoundError: A folder that it names does not exist.
        ValueError: The type or an option is unknown or out of range.
    """
    options = dict(config)
    name = options.pop('type', None)
    if name in REFINEMENTS:
        refine = build_refinement(config)
        floor = SCORE_FLOOR if name == 'dense_crf' else 0.0
        return lambda image, scores, image_id: refine(image, scores.clamp(min=floor))
    if name not in CAM_STEPS:
        raise ValueError(
            f'unknown step {name!r}: choose one of {", ".join([*REFINEMENTS, *CAM_STEPS])}'
        )
    try:
        return CAM_STEPS[name](**options)
    except TypeError as error:
        raise ValueError(f'step {name}: {error}') from None
