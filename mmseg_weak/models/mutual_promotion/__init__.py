"""Pieces of the mutual promotion of a classification and a segmentation branch."""

from .gate import CAMGate, cam_gate, gate_features
from .label_maker import LabelOptions, PresentClasses, make_cam_labels
from .multi_scale import min_max_normalise, multi_scale_scores
from .supervision import MutualPromotionSchedule, Supervision
from .zero_gradients import zero_with_gradients
