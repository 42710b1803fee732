"""Scores become labels: boundary refinement and pseudo-label making."""

from .affinity_walk import affinity_walk
from .class_restriction import restrict_probabilities
from .dense_crf import DenseCRFRefinement, dense_crf
from .edge_geodesic import EdgeGeodesic
from .heterogeneous_label import LabelRule, PseudoLabel, heterogeneous_label
from .interface import ImageByImage, build_refinement, refine_scores
from .pixel_adaptive import PixelAdaptiveRefinement
from .pseudo_label import (
    SharedAffinity,
    background_aware_label,
    par_label,
    segmentation_label,
)
from .random_walk import RandomWalkRefinement, random_walk
from .superpixel_diffusion import (
    Diffusion,
    DiffusionOptions,
    NoAnchorError,
    superpixel_diffusion,
)
