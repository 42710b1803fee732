"""Logits at the labelled pixels, read without touching the unlabelled ones."""

import math
import mmap
from collections.abc import Iterator

import torch
from mmseg.models.utils import resize
from torch import Tensor


class _ReadPixels(torch.autograd.Function):
    """``logits[image, :, row, column]`` whose gradient allocates only what it writes."""

    @staticmethod
    def forward(ctx, logits: Tensor, repeated: bool, *index: Tensor) -> Tensor:
        """Logits at the clicked pixels."""
        ctx.shape, ctx.repeated = logits.shape, repeated
        ctx.save_for_backward(*index)
        if repeated or logits.device.type != 'cpu':
            image, row, column = index
            return logits[image, :, row, column]
        parts = _by_image(logits.flatten(2), *_places(logits.shape, *index))
        return torch.cat([one.index_select(1, place) for one, place in parts], 1).t()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        """Gradient of the maps, zero where nothing was clicked."""
        image, row, column = ctx.saved_tensors
        whole = lazy_zeros(ctx.shape, gradient.dtype, gradient.device)
        if ctx.repeated:  # neighbours of two labels may coincide: add up
            image, row, column = image[:, None], row[:, None], column[:, None]
            channel = torch.arange(ctx.shape[1], device=gradient.device)
            index = image, channel, row, column
            whole.index_put_(index, gradient, accumulate=True)
        elif gradient.device.type != 'cpu':
            whole.permute(0, 2, 3, 1)[image, row, column] = gradient
        else:
            place, counts = _places(ctx.shape, *ctx.saved_tensors)
            pieces = gradient.t().split(counts, dim=1)
            for (one, at), piece in zip(_by_image(whole.flatten(2), place, counts), pieces):
                one.scatter_(1, at.expand_as(piece), piece)
        return whole, None, None, None, None


def _places(
    shape: torch.Size, image: Tensor, row: Tensor, column: Tensor
) -> tuple[Tensor, list[int]]:
    """Place of each pixel in its flat image, and how many pixels each image has."""
    counts = torch.bincount(image, minlength=shape[0]).tolist()
    return row * shape[3] + column, counts


def _by_image(maps: Tensor, place: Tensor, counts: list[int]) -> Iterator[tuple]:
    """Flat maps (C, H * W) of each image and the places of its pixels."""
    # Not by iterating, whose views a second derivative could not write to.
    return ((maps[n], at) for n, at in enumerate(place.split(counts)))


def gather_logits(
    logits: Tensor, index: tuple[Tensor, Tensor, Tensor], repeated: bool = True
) -> Tensor:
    """Read full-resolution logits at K pixels.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        index (tuple[Tensor, Tensor, Tensor]): Image, row and column of each pixel, long
            tensors of shape (K,).
        repeated (bool): Whether a pixel may occur twice. False is faster and asks for
            pixels in the order of the images, as of ``torch.nonzero``. Defaults to True.

    Returns:
        Tensor: Shape (K, C).
    """
    return _ReadPixels.apply(logits, repeated, *index)


def gather_upsampled_logits(
    logits: Tensor,
    index: tuple[Tensor, Tensor, Tensor],
    size: tuple[int, int],
    align_corners: bool = False,
) -> Tensor:
    """Read K pixels of the bilinearly upsampled logits without upsampling them.

    Equals ``F.interpolate(logits, size, mode='bilinear')`` followed by
    :func:`gather_logits`, at the cost of 4·K reads.

    Args:
        logits (Tensor): Low-resolution logits, shape (N, C, h, w).
        index (tuple[Tensor, Tensor, Tensor]): Image, row and column of each pixel in the
            upsampled map, long tensors of shape (K,).
        size (tuple[int, int]): Height and width of the upsampled map.
        align_corners (bool): As in ``F.interpolate``. Defaults to False.

    Returns:
        Tensor: Shape (K, C).
    """
    image, row, column = index
    dtype = torch.promote_types(logits.dtype, torch.float32)
    row, column = row.to(dtype), column.to(dtype)
    top, bottom, dy = _neighbours(row, logits.shape[2], size[0], align_corners)
    left, right, dx = _neighbours(column, logits.shape[3], size[1], align_corners)
    # One indexing of 4·K reads: its backward writes a single zero-filled map, not four.
    corners = gather_logits(
        logits,
        (
            image.repeat(4),
            torch.cat([top, top, bottom, bottom]),
            torch.cat([left, right, left, right]),
        ),
    )
    weights = torch.cat([(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx])
    corners = corners.to(dtype) * weights[:, None]
    return corners.reshape(4, -1, logits.shape[1]).sum(dim=0)


def enlarge(logits: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """All pixels of the bilinearly upsampled logits.

    Args:
        logits (Tensor): Low-resolution logits, shape (N, C, h, w).
        size (tuple[int, int]): Height and width of the upsampled map.
        align_corners (bool): As in ``F.interpolate``. Defaults to False.

    Returns:
        Tensor: Shape (N, C, *size), float32 or wider, as of
        :func:`gather_upsampled_logits`.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return resize(logits, size, None, 'bilinear', align_corners, warning=False)


def _neighbours(
    position: Tensor, source: int, target: int, align_corners: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Lower and upper source index and the fraction between, for target positions."""
    if align_corners:
        scale = (source - 1) / (target - 1) if target > 1 else 0.0
        continuous = position * scale
    else:
        continuous = (position + 0.5) * (source / target) - 0.5
    continuous = continuous.clamp(min=0)
    lower = continuous.long().clamp(max=source - 1)
    return lower, (lower + 1).clamp(max=source - 1), continuous - lower


# The largest block that glibc's malloc keeps for reuse; every larger one is mapped anew,
# page by page.
MIN_BYTES = 2**25


def lazy_zeros(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str = 'cpu'
) -> Tensor:
    """Like ``torch.zeros``, for large CPU tensors that stay almost empty.

    The gradient of a few labelled pixels is such a tensor. ``torch.zeros`` writes every
    byte, so the system has to hand out every page; here a private anonymous mapping
    hands out a page when it is first written, and all others read as one zero page.

    Args:
        shape (tuple[int, ...]): Shape of the tensor.
        dtype (torch.dtype): Its type.
        device (torch.device | str): Its device. Defaults to ``'cpu'``.

    Returns:
        Tensor: Contiguous and writable. Plain ``torch.zeros`` on other devices, where
        the system has no private mappings and for small tensors.
    """
    count = math.prod(shape)
    size = count * torch.empty((), dtype=dtype).element_size()
    private = getattr(mmap, 'MAP_PRIVATE', None)
    if torch.device(device).type != 'cpu' or private is None or size < MIN_BYTES:
        return torch.zeros(shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, size, flags=private | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(memory, dtype=dtype, count=count).view(shape)
