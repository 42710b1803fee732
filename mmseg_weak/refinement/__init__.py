"""Scores become labels: boundary refinement and pseudo-label making."""

from .affinity_walk import affinity_walk
from .boundary_refinement import DenseCRFRefinement, build_refinement
from .class_restriction import restrict_probabilities
from .dense_crf import dense_crf
from .heterogeneous_label import LabelRule, PseudoLabel, heterogeneous_label
from .pixel_adaptive import PixelAdaptiveRefinement
from .pseudo_label import background_aware_label, par_label, segmentation_label
from .random_walk import random_walk
from .shared_affinity import SharedAffinity
from .superpixel_diffusion import (
    Diffusion,
    DiffusionOptions,
    NoAnchorError,
    superpixel_diffusion,
)

__all__ = [
    'DenseCRFRefinement',
    'Diffusion',
    'DiffusionOptions',
    'LabelRule',
    'NoAnchorError',
    'PixelAdaptiveRefinement',
    'PseudoLabel',
    'SharedAffinity',
    'affinity_walk',
    'background_aware_label',
    'build_refinement',
    'dense_crf',
    'heterogeneous_label',
    'par_label',
    'random_walk',
    'restrict_probabilities',
    'segmentation_label',
    'superpixel_diffusion',
]
