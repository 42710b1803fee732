"""Scores of pictures of any size: tile by tile, in bounded memory."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

Region = tuple[slice, slice]


def tiled_scores(
    score: Callable[[Tensor], Tensor],
    picture: Tensor,
    crop: tuple[int, int],
    stride: tuple[int, int],
) -> Iterator[tuple[Region, Tensor]]:
    """Mean scores of overlapping tiles, as mmseg's sliding window has them.

    A region is handed out as soon as no later tile touches it. What is kept in between
    are the lower edges of one row of tiles: of C classes, about 4 C times the width times
    the overlap in bytes, whatever the height.

    Args:
        score (Callable): Scores (C, h, w) of a tile (channels, h, w).
        picture (Tensor): Shape (channels, H, W).
        crop (tuple[int, int]): Height and width of a tile; smaller where the picture is.
        stride (tuple[int, int]): Steps of tiles, at most ``crop``.

    Yields:
        tuple: Rows and columns, and their mean scores (C, rows, columns). The regions
        cover the picture once.
    """
    height, width = picture.shape[-2:]
    tops, lefts = (_starts(*sides) for sides in zip((height, width), crop, stride))
    kept: list[tuple[int, int, Tensor]] = []
    for top, bottom in zip(tops, [*tops[1:], height]):
        for left, right in zip(lefts, [*lefts[1:], width]):
            tile = picture[:, top : top + crop[0], left : left + crop[1]]
            kept.append((top, left, score(tile)))
            region = slice(top, bottom), slice(left, right)
            yield region, _mean(kept, region)
            kept = [tile for each in kept for tile in _still_needed(each, bottom, right)]


def enlarged_bands(
    plane: Tensor, size: tuple[int, int], pixels: int
) -> Iterator[tuple[slice, Tensor]]:
    """Bands of rows of a plane that is resized bilinearly as mmseg does it.

    Args:
        plane (Tensor): Scores (..., h, w).
        size (tuple[int, int]): Height and width of the whole result.
        pixels (int): About as many pixels has a band.

    Yields:
        tuple: Rows and their values (..., rows, width), float32.
    """
    height, width = size
    step, old = max(1, pixels // width), plane.shape[-2]
    for top in range(0, height, step):
        rows = torch.arange(top, min(height, top + step), device=plane.device)
        place = ((rows + 0.5) * (old / height) - 0.5).clamp(min=0)
        upper = place.long().clamp(max=old - 1)
        lower = (upper + 1).clamp(max=old - 1)
        share = (place - upper).unsqueeze(1)
        band = torch.lerp(plane[..., upper, :].float(), plane[..., lower, :].float(), share)
        band = band.reshape(1, -1, len(rows), plane.shape[-1])
        wide = F.interpolate(band, (len(rows), width), mode='bilinear', align_corners=False)
        yield slice(top, top + len(rows)), wide.view(*plane.shape[:-2], len(rows), width)


def _starts(size: int, crop: int, stride: int) -> list[int]:
    """First rows or columns of tiles; the last one ends with the picture."""
    count = max(size - crop + stride - 1, 0) // stride + 1
    return [max(min(k * stride + crop, size) - crop, 0) for k in range(count)]


def _mean(tiles: list[tuple[int, int, Tensor]], region: Region) -> Tensor:
    """Mean of the tiles that cover a region, in their order; one covers each pixel."""
    rows, columns = region
    shape = rows.stop - rows.start, columns.stop - columns.start
    total = tiles[0][2].new_zeros(tiles[0][2].shape[0], *shape)
    count = total.new_zeros(shape)
    for top, left, scores in tiles:
        y1, y2 = max(top, rows.start), min(top + scores.shape[1], rows.stop)
        x1, x2 = max(left, columns.start), min(left + scores.shape[2], columns.stop)
        if y1 < y2 and x1 < x2:
            y, x = slice(y1 - rows.start, y2 - rows.start), slice(x1 - left, x2 - left)
            inside = slice(x1 - columns.start, x2 - columns.start)
            total[:, y, inside] += scores[:, y1 - top : y2 - top, x]
            count[y, inside] += 1
    return total / count


def _still_needed(
    tile: tuple[int, int, Tensor], bottom: int, right: int
) -> list[tuple[int, int, Tensor]]:
    """What later regions need of a tile: its rows from ``bottom`` on, once passed."""
    top, left, scores = tile
    if left + scores.shape[-1] > right or top >= bottom:
        return [tile]
    rest = scores[:, bottom - top :]
    return [(bottom, left, rest.clone())] if rest.numel() else []
