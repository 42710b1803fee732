"""Pictures of label transfer: foreground, seeds, superpixels, q and label."""

import numpy as np

from ..refinement import Diffusion
from .panels import Palette, join_row, overlay, visible_palette

WHITE = 255
ANCHOR_COLOURS = ((0, 160, 255), (255, 255, 0))


def transfer_panel(
    image: np.ndarray,
    foreground: np.ndarray,
    cams: np.ndarray,
    diffusion: Diffusion | None,
    labels: np.ndarray,
    classes: np.ndarray,
    palette: Palette,
) -> np.ndarray:
    """Row of tiles: image, M, CAM, superpixels, anchors, q, label.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        foreground (np.ndarray): (H, W) M in [0, 1].
        cams (np.ndarray): (C, H, W) activation maps in [0, 1].
        diffusion (Diffusion, optional): None where the image was refused.
        labels (np.ndarray): (H, W) class indices, 255 unknown.
        classes (np.ndarray): (C,) class index of each map.
        palette (Sequence): Colours of all classes, 0 to 255.

    Returns:
        np.ndarray: (H', W', 3) uint8 RGB.
    """
    colours = visible_palette(palette)
    tiles = {'image': image, 'M': _grey(foreground), 'CAM': _mix(cams, colours[classes])}
    if diffusion is not None:
        superpixels = diffusion.superpixels
        tiles['superpixels'] = _outlined(image, superpixels)
        # Background anchors are class 0 of the tile's own colours, then the classes.
        own = np.concatenate([[ANCHOR_COLOURS[0]], colours[classes]])
        anchors = np.where(diffusion.anchors == -2, 255, diffusion.anchors + 1)
        tiles['anchors (blue: background)'] = overlay(
            image, anchors[superpixels], own, alpha=0.7, background=None
        )
        q = diffusion.q[superpixels].transpose(2, 0, 1)
        tiles['q'] = _mix(q, colours[classes])
    tiles['label' if diffusion is not None else 'refused'] = overlay(image, labels, colours)
    return join_row(tiles)


def _grey(values: np.ndarray) -> np.ndarray:
    grey = np.rint(WHITE * values.clip(0, 1)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _mix(maps: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """The strongest map in its class's colour, as bright as it is strong."""
    if not len(maps):
        return np.zeros((*maps.shape[1:], 3), np.uint8)
    bright = colours[maps.argmax(axis=0)] * maps.max(axis=0).clip(0, 1)[..., None]
    return np.rint(bright).astype(np.uint8)


def _outlined(image: np.ndarray, superpixels: np.ndarray) -> np.ndarray:
    result = image.copy()
    edge = np.zeros(superpixels.shape, bool)
    edge[:, 1:] |= superpixels[:, 1:] != superpixels[:, :-1]
    edge[1:] |= superpixels[1:] != superpixels[:-1]
    result[edge] = ANCHOR_COLOURS[1]
    return result
