"""Scores become labels: boundary refinement and pseudo-label making."""

from .affinity_walk import affinity_walk
from .class_restriction import restrict_probabilities
from .dense_crf import DenseCRFRefinement, dense_crf
from .edge_geodesic import EdgeGeodesic
from .heterogeneous_label import LabelRule, PseudoLabel, heterogeneous_label
from .interface import ImageByImage, build_refinement, refine_scores
from .pixel_adaptive import PixelAdaptiveRefinement
from .pseudo_label import background_aware_label, par_label, segmentation_label
from .random_walk import RandomWalkRefinement, random_walk
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
    'EdgeGeodesic',
    'ImageByImage',
    'LabelRule',
    'NoAnchorError',
    'PixelAdaptiveRefinement',
    'PseudoLabel',
    'RandomWalkRefinement',
    'SharedAffinity',
    'affinity_walk',
    'background_aware_label',
    'build_refinement',
    'dense_crf',
    'heterogeneous_label',
    'par_label',
    'random_walk',
    'refine_scores',
    'restrict_probabilities',
    'segmentation_label',
    'superpixel_diffusion',
]
