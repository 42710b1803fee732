"""Scores become labels: boundary refinement and pseudo-label making."""

from .dense_crf import dense_crf
from .pixel_adaptive import PixelAdaptiveRefinement
from .pseudo_label import background_aware_label, par_label, segmentation_label
from .random_walk import random_walk

__all__ = [
    'PixelAdaptiveRefinement',
    'background_aware_label',
    'dense_crf',
    'par_label',
    'random_walk',
    'segmentation_label',
]
