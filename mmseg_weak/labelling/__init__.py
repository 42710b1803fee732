"""Trained networks label the images of a training set, offline."""

from .job import make_labels
from .labellers import CAMLabeller, SegmentorLabeller, TransferLabeller
from .labellers.base import Label, Labeller
from .networks import Network

__all__ = [
    'CAMLabeller',
    'Label',
    'Labeller',
    'Network',
    'SegmentorLabeller',
    'TransferLabeller',
    'make_labels',
]
