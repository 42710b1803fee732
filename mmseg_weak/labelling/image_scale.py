"""Tells when images are far larger than those that a network was trained on."""

import logging
from collections.abc import Mapping

import numpy as np
from mmengine.logging import print_log

from ..datasets.image_checks import image_sizes
from .sources import LabelSource

NUM_IMAGES = 50
TOO_LARGE = 2.0


def warn_of_large_images(source: LabelSource) -> float:
    """Compare images, which are labelled in their own size, with the training scale.

    Args:
        source (LabelSource): The images to label.

    Returns:
        float: Median long side of up to 50 images as a multiple of the largest that the
        training makes of it; NaN where its pipeline does not say.
    """
    sides = [side for step in source.training_steps for side in _long_sides(step)]
    if not sides:
        return float('nan')
    chosen = np.linspace(0, len(source) - 1, min(NUM_IMAGES, len(source))).astype(int)
    paths = [source.path(int(i)) for i in np.unique(chosen)]
    found = float(np.median(image_sizes(paths).max(axis=1)))
    ratio = found / max(sides)
    if ratio > TOO_LARGE:
        print_log(
            f'the images have {found:.0f} pixels on the long side, and the network was '
            f'trained on at most {max(sides):.0f}: it will see objects {ratio:.1f} times '
            'as large, and needs memory for the whole image. Make the images smaller '
            'first, see "Large photographs" in docs/tags.md',
            logger='current',
            level=logging.WARNING,
        )
    return ratio


def _long_sides(step: Mapping) -> list[float]:
    """Largest long side that a resizing step makes, with the pipelines inside it."""
    if step.get('type') in ('Resize', 'RandomResize') and step.get('scale'):
        scale = np.atleast_1d(np.array(step['scale'], float))
        return [float(scale.max() * max(step.get('ratio_range', (1.0,))))]
    return []
