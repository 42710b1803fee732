"""Clicks grown to the colour edges around them: a stand-in for masks that nobody drew."""

import numpy as np
import torch
from torch import Tensor

from ..constants import IGNORE_INDEX
from ..refinement.boundaries import colour_gradient_boundary
from ..refinement.edge_geodesic import click_costs
from .confusion import confusion_matrix

# Long side at which clicks grow; edges that matter survive it, and cost stays bounded.
LONG_SIDE = 320


def grow_clicks(
    image: np.ndarray, xy: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Give each pixel the class of the click that is nearest without crossing edges.

    Args:
        image (np.ndarray): RGB, (H, W, 3) uint8.
        xy (np.ndarray): (n, 2) places of the clicks in pixels of the image.
        labels (np.ndarray): (n,) their classes.
        num_classes (int): C.

    Returns:
        np.ndarray: (h, w) int64 with a long side of at most 320 pixels; all 255 where the
        clicks are of fewer than two classes, between which a border could be.
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    present = np.unique(labels)
    if len(present) < 2:
        return np.full(size, IGNORE_INDEX, np.int64)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    edges = colour_gradient_boundary(pixels, size)[0].numpy()
    places = np.floor(xy * (size[1] / width, size[0] / height)).astype(np.int64)
    x, y = places.clip(0, (size[1] - 1, size[0] - 1)).T
    clicks = np.full(size, IGNORE_INDEX, np.uint8)
    clicks[y, x] = labels
    # At this size a click may lie on another; only classes that are left have a cost.
    present = np.unique(clicks[y, x])
    return present[click_costs(edges, clicks, num_classes)[present].argmin(0)].astype(int)


def grown_confusion(
    image: np.ndarray, xy: np.ndarray, labels: np.ndarray, mask: Tensor, num_classes: int
) -> np.ndarray:
    """Compare a prediction with the grown clicks of its image.

    Args:
        image, xy, labels, num_classes: As for :func:`grow_clicks`.
        mask (Tensor): Predicted classes, (H, W).

    Returns:
        np.ndarray: (C, C) int64, grown class by predicted class.
    """
    grown = grow_clicks(image, xy, labels, num_classes)
    rows, columns = (
        ((np.arange(few) + 0.5) * many / few).astype(np.int64)
        for few, many in zip(grown.shape, mask.shape)
    )
    found = mask.cpu().numpy()[np.ix_(rows, columns)]
    return confusion_matrix(grown, found, num_classes)
