"""Activation maps as heat over an image."""

from collections.abc import Mapping

import matplotlib
import numpy as np

MAX_MAPS = 4


def heat(image: np.ndarray, cam: np.ndarray, alpha: float = 0.6) -> np.ndarray:
    """Paint an activation map over a grey image.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        cam (np.ndarray): (H, W) in [0, 1].
        alpha (float): Share of the colour, in [0, 1]. Defaults to 0.6.

    Returns:
        np.ndarray: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: Image and map differ in size.
    """
    if image.shape[:2] != cam.shape:
        raise ValueError(
            f'image of {image.shape[:2]} and activation map of {cam.shape} (height, width) '
            'do not fit together'
        )
    grey = image.astype(np.float32).mean(axis=2, keepdims=True)
    colours = 255 * matplotlib.colormaps['inferno'](np.clip(cam, 0, 1))[..., :3]
    return np.rint((1 - alpha) * grey + alpha * colours).astype(np.uint8)


def heat_tiles(
    image: np.ndarray, scores: np.ndarray, classes: list[str], background: int | None = 0
) -> Mapping[str, np.ndarray]:
    """Pictures of the activation maps of the classes present.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        scores (np.ndarray): (C, H, W) in [0, 1], all classes; absent ones are 0.
        classes (list[str]): Class names.
        background (int, optional): A class that is left out. Defaults to 0.

    Returns:
        dict[str, np.ndarray]: Title to (H, W, 3) uint8 RGB, the four largest at most.
    """
    largest = scores.mean(axis=(1, 2))
    present = [i for i in np.argsort(-largest) if largest[i] > 0 and i != background]
    return {f'map of {classes[i]}': heat(image, scores[i]) for i in present[:MAX_MAPS]}
