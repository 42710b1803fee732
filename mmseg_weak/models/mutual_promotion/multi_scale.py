"""CAMs and background of the images over scales and flips, without gradient."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads.click_loss import main_logits

EPS = 1e-5
Features = Sequence[Tensor]


def min_max_normalise(maps: Tensor) -> Tensor:
    """Each map to [0, 1): minus its minimum, then by its maximum plus 1e-5.

    Args:
        maps (Tensor): Shape (N, C, H, W).

    Returns:
        Tensor: As ``maps``; a constant map is 0.
    """
    maps = maps - maps.amin(dim=(2, 3), keepdim=True)
    return maps / (maps.amax(dim=(2, 3), keepdim=True) + EPS)


@torch.no_grad()
def multi_scale_scores(
    images: Tensor,
    encode: Callable[[Tensor], Features],
    cam_of: Callable[[Features], Tensor],
    background_of: Callable[[Features, Tensor], Tensor] | None,
    classes: Tensor,
    scales: Sequence[float] = (1.0, 0.5, 1.5),
    features: Features | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Step 2 of an iteration of BMP for the classes that are needed.

    CAM: the larger of image and mirror image, ReLU, sum over scales. Background: mean of
    image and mirror image, sum over scales. Both min-max normalised. An image and its
    mirror image are one batch, as in the published code. Only maps of the chosen classes
    and of background are ever enlarged; the background is averaged before it is.

    Args:
        images (Tensor): Normalised images, shape (N, 3, H, W).
        encode (Callable): Images to features.
        cam_of (Callable): Features to CAM logits, shape (N, C, h, w).
        background_of (Callable, optional): Features and their CAM logits to the
            segmentation branch's background logits, shape (N, 1, h, w). Defaults to None:
            no background is computed.
        classes (Tensor): Chosen classes of each image, long, shape (N, K).
        scales (Sequence[float]): Factors > 0 on the image size.
        features (Features, optional): Features of ``images`` from the training forward;
            scale 1 then encodes the mirror images only.

    Returns:
        tuple: CAMs (N, K, H, W) in [0, 1); background (N, H, W) in [0, 1) or None.
    """
    size = tuple(images.shape[2:])
    both = torch.cat([classes, classes])[:, :, None, None]
    cams = background = 0
    for scale in scales:
        views = _encode_views(images, scale, encode, features)
        logits = cam_of(views)
        chosen = logits.gather(1, both.expand(-1, -1, *logits.shape[2:]))
        plain, mirrored = enlarge(chosen, size).chunk(2)
        cams = cams + torch.maximum(plain, mirrored.flip(3)).relu_()
        if background_of is not None:
            plain, mirrored = background_of(views, logits).chunk(2)
            background = background + enlarge((plain + mirrored.flip(3)) / 2, size)
    cams = min_max_normalise(cams)
    if background_of is None:
        return cams, None
    return cams, min_max_normalise(background)[:, 0]


def _encode_views(
    images: Tensor,
    scale: float,
    encode: Callable[[Tensor], Features],
    features: Features | None,
) -> Features:
    """Features of the scaled images and of their mirror images, one batch of 2N."""
    size = tuple(max(1, int(side * scale)) for side in images.shape[2:])
    if size == tuple(images.shape[2:]):
        if features is not None:
            mirrored = encode(images.flip(3))
            return [torch.cat([a.detach(), b]) for a, b in zip(features, mirrored)]
        scaled = images
    else:
        scaled = F.interpolate(images, size, mode='bilinear', align_corners=False)
    return encode(torch.cat([scaled, scaled.flip(3)]))


def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, float32 or wider, align_corners=False; (N, C, h, w) to (N, C, *size)."""
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    return F.interpolate(maps, size, mode='bilinear', align_corners=False)


def background_logits(
    head: nn.Module, features: Sequence[Tensor], background: int = 0
) -> Tensor:
    """Logits of one class.

    The last convolution of mmseg's heads, ``conv_seg``, runs with the weights of this
    class only. A head without it runs as a whole.

    Args:
        head (nn.Module): A decode head.
        features (Sequence[Tensor]): Its input.
        background (int): The class. Defaults to 0.

    Returns:
        Tensor: Shape (N, 1, h, w).
    """
    last = getattr(head, 'conv_seg', None)
    one = slice(background, background + 1)
    if not isinstance(last, nn.Conv2d) or last.groups != 1:
        return main_logits(head, head(features))[:, one]
    weights = {'conv_seg.weight': last.weight[one]}
    if last.bias is not None:
        weights['conv_seg.bias'] = last.bias[one]
    output = torch.func.functional_call(head, weights, (features,))
    return main_logits(head, output)
