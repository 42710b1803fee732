"""Scores become labels: boundary refinement and pseudo-label making."""

from .pixel_adaptive import PixelAdaptiveRefinement
from .pseudo_label import background_aware_label, par_label

__all__ = [
    'PixelAdaptiveRefinement',
    'background_aware_label',
    'par_label',
]
