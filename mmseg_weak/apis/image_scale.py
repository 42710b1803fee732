"""Tells when images are far larger than those that a network was trained on."""

import logging
from collections.abc import Mapping

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from ..datasets.image_checks import image_sizes

NUM_IMAGES = 50
TOO_LARGE = 2.0


def warn_of_large_images(settings: Mapping, dataset: BaseDataset) -> float:
    """Compare images, which are labelled in their own size, with the training scale.

    Args:
        settings (Mapping): Config of a training set, perhaps a wrapper.
        dataset (BaseDataset): The images to label.

    Returns:
        float: Median long side of up to 50 images as a multiple of the largest that the
        training makes of it; NaN where its pipeline does not say.
    """
    while 'pipeline' not in settings:
        inner = settings.get('dataset') or next(iter(settings.get('datasets', ())), None)
        if inner is None:
            return float('nan')
        settings = inner
    sides = [side for step in settings['pipeline'] for side in _long_sides(step)]
    if not sides:
        return float('nan')
    chosen = np.linspace(0, len(dataset) - 1, min(NUM_IMAGES, len(dataset))).astype(int)
    paths = [dataset.get_data_info(int(i))['img_path'] for i in np.unique(chosen)]
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
