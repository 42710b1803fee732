"""Scores become labels: boundary refinement and pseudo-label making."""

from .boundary_refinement import DenseCRFRefinement, build_refinement
from .class_restriction import restrict_probabilities
from .dense_crf import dense_crf
from .heterogeneous_label import LabelRule, PseudoLabel, heterogeneous_label
from .pixel_adaptive import PixelAdaptiveRefinement
from .pseudo_label import background_aware_label, par_label, segmentation_label
from .random_walk import random_walk

__all__ = [
    'DenseCRFRefinement',
    'LabelRule',
    'PixelAdaptiveRefinement',
    'PseudoLabel',
    'background_aware_label',
    'build_refinement',
    'dense_crf',
    'heterogeneous_label',
    'par_label',
    'random_walk',
    'restrict_probabilities',
    'segmentation_label',
]
