"""Bilinear crop and paste of boxes that differ within a batch, without a loop.

Training crops are padded, and the valid (unpadded) area differs between images. A box
is y0, y1, x0, x1 in pixels, ends exclusive. Boxes live in the corner of a common
canvas while they are worked on, so one tensor holds them all. Both functions equal
``F.interpolate(mode='bilinear')`` on each box alone.
"""

import torch
from torch import Tensor


def box_sizes(boxes: Tensor) -> Tensor:
    """Height and width of boxes, (N, 4) -> (N, 2)."""
    return torch.stack([boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]], dim=1)


def inside_boxes(
    boxes: Tensor, size: tuple[int, int], device: torch.device | str
) -> Tensor:
    """Mask of the pixels inside each box, (N, 4) -> (N, H, W) bool."""
    boxes = torch.as_tensor(boxes).to(device, non_blocking=True)
    y0, y1, x0, x1 = boxes[:, :, None].unbind(1)
    rows, cols = (torch.arange(n, device=device) for n in size)
    rows, cols = (rows >= y0) & (rows < y1), (cols >= x0) & (cols < x1)
    return rows[:, :, None] & cols[:, None]


def crop_resize(
    maps: Tensor,
    boxes: Tensor,
    sizes: Tensor,
    canvas: tuple[int, int],
    align_corners: bool = False,
) -> Tensor:
    """Crop each box and resize it into the top-left corner of a canvas.

    Args:
        maps (Tensor): Shape (N, C, H, W), floating point.
        boxes (Tensor): Shape (N, 4), y0, y1, x0, x1.
        sizes (Tensor): Shape (N, 2), height and width of each resized box, >= 1.
        canvas (tuple[int, int]): Height and width of the result.
        align_corners (bool): As in ``F.interpolate``. Defaults to False.

    Returns:
        Tensor: Shape (N, C, *canvas); beyond a box its border is replicated.
    """
    for dim, length in zip((2, 3), canvas):
        start, stop = boxes[:, 2 * dim - 4, None], boxes[:, 2 * dim - 3, None]
        extent = (stop - start).clamp(min=1)
        target = torch.arange(length, device=maps.device)[None]
        source = _source(target, extent, sizes[:, dim - 2, None], align_corners)
        maps = _sample(maps, dim, source, extent, start)
    return maps


def paste_resize(
    maps: Tensor, boxes: Tensor, sizes: Tensor, canvas: tuple[int, int]
) -> Tensor:
    """Undo :func:`crop_resize`: resize from the corner to each box in a canvas.

    Args:
        maps (Tensor): Shape (N, C, h, w), floating point.
        boxes (Tensor): Shape (N, 4), y0, y1, x0, x1.
        sizes (Tensor): Shape (N, 2), height and width of the area read, >= 1.
        canvas (tuple[int, int]): Height and width of the result.

    Returns:
        Tensor: Shape (N, C, *canvas); outside a box its border is replicated.
    """
    for dim, length in zip((2, 3), canvas):
        start, stop = boxes[:, 2 * dim - 4, None], boxes[:, 2 * dim - 3, None]
        extent = sizes[:, dim - 2, None]
        target = torch.arange(length, device=maps.device)[None] - start
        source = _source(target, extent, (stop - start).clamp(min=1), False)
        maps = _sample(maps, dim, source, extent, torch.zeros_like(start))
    return maps


def _source(target: Tensor, extent: Tensor, length: Tensor, align_corners: bool) -> Tensor:
    """Continuous source coordinate of resizing ``extent`` samples to ``length``."""
    if align_corners:
        return target * ((extent - 1) / (length - 1).clamp(min=1))
    return ((target + 0.5) * (extent / length) - 0.5).clamp(min=0)


def _sample(
    maps: Tensor, dim: int, source: Tensor, extent: Tensor, start: Tensor
) -> Tensor:
    """Linear interpolation along one axis at (N, L) coordinates."""
    lower = source.floor().long().minimum(extent - 1)
    upper = (lower + 1).minimum(extent - 1)
    weight = (source - lower).clamp(max=1).to(maps.dtype)
    shape = [len(maps), 1, 1, 1]
    shape[dim] = source.shape[1]
    expanded = list(maps.shape)
    expanded[dim] = source.shape[1]
    limit = maps.shape[dim] - 1
    low, high = (
        maps.gather(dim, (start + i).clamp(0, limit).view(shape).expand(expanded))
        for i in (lower, upper)
    )
    return torch.lerp(low, high, weight.view(shape))
