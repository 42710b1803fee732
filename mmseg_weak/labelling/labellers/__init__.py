"""Labellers that come with the package; a new one only has to register itself."""

from .cam import CAMLabeller
from .segmentor import SegmentorLabeller
from .transfer import TransferLabeller

__all__ = ['CAMLabeller', 'SegmentorLabeller', 'TransferLabeller']
