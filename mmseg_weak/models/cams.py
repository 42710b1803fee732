"""Class activation maps of a classifier over several scales and flips."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmengine.model.efficient_conv_bn_eval import (
    turn_on_efficient_conv_bn_eval_for_single_model,
)
from torch import Tensor, nn

SCALES = (1.0, 0.5, 1.5, 2.0)
EPS = 1e-5


def scale_images(images: Tensor, scale: float) -> Tensor:
    """Resize images by the antialiased bicubic filter that Pillow's ``BICUBIC`` is.

    Args:
        images (Tensor): Shape (N, 3, H, W).
        scale (float): Factor > 0 on height and width; sizes are rounded.

    Returns:
        Tensor: Shape (N, 3, round(H scale), round(W scale)), at least one pixel.
    """
    size = tuple(max(1, round(side * scale)) for side in images.shape[2:])
    if size == tuple(images.shape[2:]):
        return images
    return F.interpolate(images, size, mode='bicubic', align_corners=False, antialias=True)


@torch.no_grad()
def activation_maps(
    forward: Callable[[Tensor], Tensor],
    images: Tensor,
    scales: Sequence[float] = SCALES,
    flip: bool = True,
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

    Returns:
        list[Tensor]: Shape (N, C, h, w) for each scale, >= 0.
    """
    maps = []
    for scale in scales:
        scaled = scale_images(images, scale)
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


@torch.no_grad()
def fold_norms(backbone: nn.Module) -> bool:
    """Let batch norms that follow a convolution become part of it, for inference.

    The network is traced; what cannot be traced, takes images of one size only, or does not
    give the same features for two sizes afterwards, stays as it was.

    Args:
        backbone (nn.Module): In eval mode; its parameters stay, its ``forward`` changes.

    Returns:
        bool: Whether it was possible.
    """
    device = next(backbone.parameters()).device
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randn(1, 3, *size, generator=generator).to(device)
        for size in ((96, 64), (64, 128))
    ]
    forward = backbone.__dict__.get('forward')
    try:
        before = [_as_list(backbone(image)) for image in images]
        turn_on_efficient_conv_bn_eval_for_single_model(backbone)
        after = [_as_list(backbone(image)) for image in images]
        same = all(
            torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(a.abs().max()))
            for first, second in zip(before, after)
            for a, b in zip(first, second)
        )
    except Exception:  # other sizes, code that runs on symbols: anything may be raised
        same = False
    if not same:
        backbone.__dict__.pop('forward', None)
        if forward is not None:
            backbone.forward = forward
    return same


def _as_list(features: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [features] if torch.is_tensor(features) else list(features)
