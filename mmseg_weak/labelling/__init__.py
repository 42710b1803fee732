"""Trained networks label the images of a training set, offline."""

from .job import make_labels
from .labellers import (
    CAMLabeller,
    ClipLabeller,
    FeatureLabeller,
    PromptableLabeller,
    SegmentorLabeller,
    TransferLabeller,
)
from .labellers.base import Label, Labeller
from .networks import Network
