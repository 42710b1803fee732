"""Class activation maps of a classifier over several scales and flips."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..inputs.image_values import MAX_VALUE, from_unit_rgb, to_unit_rgb

SCALES = (1.0, 0.5, 1.5, 2.0)
EPS = 1e-5


def scale_images(images: Tensor, scale: float) -> Tensor:
    """Resize images as Pillow's ``BICUBIC`` resizes 8-bit ones.

    An antialiased filter along the rows, then along the columns, and after each the values
    are rounded and clipped: without, edges overshoot by up to a tenth of the range.

    Args:
        images (Tensor): Grey levels 0 to 255 of any dtype, shape (N, 3, H, W).
        scale (float): Factor > 0 on height and width; sizes are rounded.

    Returns:
        Tensor: Shape (N, 3, round(H scale), round(W scale)), at least one pixel; whole
        numbers 0 to 255.
    """
    height, width = (max(1, round(side * scale)) for side in images.shape[2:])
    levels = images.round().clamp(0, MAX_VALUE)
    for size in ((images.shape[2], width), (height, width)):
        if size != tuple(levels.shape[2:]):
            levels = F.interpolate(levels, size, mode='bicubic', antialias=True)
            levels = levels.add_(0.5).floor_().clamp_(0, MAX_VALUE)  # halves go up
    return levels


def scale_inputs(inputs: Tensor, scale: float, preprocessor: nn.Module) -> Tensor:
    """Resize what a network sees by way of the grey levels, see :func:`scale_images`.

    Args:
        inputs (Tensor): Normalised images, shape (N, 3, H, W).
        scale (float): Factor > 0 on height and width; 1 changes nothing.
        preprocessor (nn.Module): What normalised them.

    Returns:
        Tensor: Shape (N, 3, round(H scale), round(W scale)).
    """
    size = [max(1, round(side * scale)) for side in inputs.shape[2:]]
    if size == list(inputs.shape[2:]):
        return inputs
    levels = to_unit_rgb(inputs, preprocessor) * MAX_VALUE
    return from_unit_rgb(scale_images(levels, scale) / MAX_VALUE, preprocessor)


@torch.no_grad()
def activation_maps(
    forward: Callable[[Tensor], Tensor],
    images: Tensor,
    scales: Sequence[float] = SCALES,
    flip: bool = True,
    rescale: Callable[[Tensor, float], Tensor] = scale_images,
) -> list[Tensor]:
    """Rectified maps of every scale at the resolution of the features.

    An image and its mirror image are one batch. Their maps are added here, before anything
    is enlarged: bilinear interpolation is linear and symmetric, so this is the sum of the
    enlarged maps.

    Args:
        forward (Callable): Normalised images (N, 3, H, W) to maps (N, C, h, w).
        images (Tensor): Shape (N, 3, H, W).
        scales (Sequence[float]): Factors > 0 on the image size.
        flip (bool): Add the mirrored image. Defaults to True.
        rescale (Callable): Images and a factor to scaled images.

    Returns:
        list[Tensor]: Shape (N, C, h, w) for each scale, >= 0.
    """
    maps = []
    for scale in scales:
        scaled = rescale(images, scale)
        if flip:
            scaled = torch.cat([scaled, scaled.flip(3)])
        activation = forward(scaled).float().relu()
        if flip:
            plain, mirrored = activation.chunk(2)
            activation = plain + mirrored.flip(3)
        maps.append(activation)
    return maps


def merge_maps(
    maps: Sequence[Tensor],
    classes: Tensor,
    size: tuple[int, int],
    align_corners: bool = False,
) -> Tensor:
    """Enlarge the maps of one image's classes, add and normalise them.

    Args:
        maps (Sequence[Tensor]): Shape (C, h, w) for each scale.
        classes (Tensor): Columns that are kept, long, shape (n,).
        size (tuple[int, int]): Height H and width W of the result.
        align_corners (bool): How maps are enlarged. Defaults to False.

    Returns:
        Tensor: Shape (n, H, W), each class in [0, 1); a class that is active nowhere is 0.
    """
    if not len(classes):
        return maps[0].new_zeros(0, *size)
    total = 0
    for activation in maps:
        kept = activation[classes][None]
        total = total + F.interpolate(
            kept, size, mode='bilinear', align_corners=align_corners
        )
    return normalise_cams(total[0])


def normalise_cams(cams: Tensor) -> Tensor:
    """Divide each map by its largest value plus 1e-5.

    Args:
        cams (Tensor): Shape (n, H, W), >= 0.

    Returns:
        Tensor: Shape (n, H, W), in [0, 1).
    """
    return cams / (cams.amax(dim=(1, 2), keepdim=True) + EPS)
