"""Refine valid areas of different sizes, whatever the refinement can do."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn


def refine_areas(
    refine: Callable[..., Tensor], images: Tensor, masks: Tensor, sizes: Tensor
) -> Tensor:
    """Refine the top-left area of each image as if it were alone.

    A refinement that knows of areas, ``(images, masks, sizes) -> masks``, gets the whole
    batch. Any other, ``(images, masks) -> masks``, is called image by image, for which the
    device has to be waited.

    Args:
        refine (Callable): The refinement.
        images (Tensor): Shape (N, 3, H, W).
        masks (Tensor): Shape (N, C, H, W).
        sizes (Tensor): Height and width of each area, shape (N, 2), >= 1.

    Returns:
        Tensor: Shape (N, C, H, W); what lies outside the areas is meaningless.
    """
    if _takes_sizes(refine):
        return refine(images, masks, sizes)
    refined = torch.zeros_like(masks)
    for i, (height, width) in enumerate(sizes.tolist()):
        area = (slice(i, i + 1), slice(None), slice(height), slice(width))
        refined[area] = refine(images[area], masks[area]).to(masks.dtype)
    return refined


def _takes_sizes(refine: Callable[..., Tensor]) -> bool:
    call = refine.forward if isinstance(refine, nn.Module) else refine
    try:
        inspect.signature(call).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # a callable without a signature
        return True
    return True
