"""Probabilities follow the colours of the image."""

import cv2
import numpy as np
import torch
from torch import Tensor

from ..refinement import PixelAdaptiveRefinement

# Classes that are nowhere likelier than this take no part, so that many cost no more.
LEAST = 0.02
_REFINE = PixelAdaptiveRefinement()


def follow_colours(image: np.ndarray, probs: Tensor) -> Tensor:
    """Pixel-adaptive refinement in the size of the probabilities.

    Args:
        image (np.ndarray): RGB, (H, W, 3) uint8, of any size.
        probs (Tensor): (C, h, w), sum 1 over the classes.

    Returns:
        Tensor: (C, h, w), sum 1.
    """
    height, width = probs.shape[1:]
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    pixels = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    likely = probs.flatten(1).amax(1) > LEAST
    result = torch.zeros_like(probs)
    result[likely] = _REFINE(pixels, probs[likely][None])[0]
    return result / result.sum(0, keepdim=True).clamp(min=1e-6)
