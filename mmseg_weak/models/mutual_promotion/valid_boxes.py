"""Where the images of a batch are not padding."""

from collections.abc import Sequence

import torch
from torch import Tensor


def valid_boxes(metas: Sequence[dict], size: tuple[int, int]) -> Tensor:
    """Boxes of the unpadded areas, from what the preprocessor notes.

    Args:
        metas (Sequence[dict]): Meta information with ``padding_size`` (left, right, top,
            bottom), or ``img_shape`` of an image in the top-left corner, or neither.
        size (tuple[int, int]): Height H and width W of the padded batch.

    Returns:
        Tensor: y0, y1, x0, x1, ends exclusive, shape (N, 4), long, on the CPU.
    """
    height, width = size
    boxes = []
    for meta in metas:
        if meta.get('padding_size') is not None:
            left, right, top, bottom = (int(n) for n in meta['padding_size'])
            boxes.append([top, max(top, height - bottom), left, max(left, width - right)])
        else:
            rows, columns = meta.get('img_shape', size)[:2]
            boxes.append([0, min(rows, height), 0, min(columns, width)])
    return torch.tensor(boxes, dtype=torch.long).view(len(boxes), 4)


def covers_image(boxes: Tensor, size: tuple[int, int]) -> list[bool]:
    """Which images have no padding; boxes (N, 4) in host memory."""
    whole = torch.tensor([0, size[0], 0, size[1]])
    return (boxes == whole).all(dim=1).tolist()
