"""Small conversions that many modules need."""

import numpy as np
from torch import Tensor


def evenly_spread(total: int, most: int) -> list[int]:
    """At most ``most`` of the positions 0 to ``total`` - 1, from end to end."""
    return np.linspace(0, total - 1, min(most, total)).round().astype(int).tolist()


def rgb_pixels(image: Tensor) -> np.ndarray:
    """An image as files hold it.

    Args:
        image (Tensor): RGB in [0, 1], shape (1, 3, H, W); values outside are cut off.

    Returns:
        np.ndarray: (H, W, 3) uint8, contiguous.

    Raises:
        ValueError: The image has not three channels.
    """
    if image.shape[1] != 3:
        raise ValueError(
            f'the image has {image.shape[1]} channels, and three are needed: load it by '
            "LoadImageFromFile(color_type='color')"
        )
    pixels = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return np.ascontiguousarray(pixels.cpu().numpy())
