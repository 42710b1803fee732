"""Labellers that come with the package; a new one only has to register itself."""

from .cam import CAMLabeller
from .clip import ClipLabeller
from .features import FeatureLabeller
from .promptable import PromptableLabeller
from .segmentor import SegmentorLabeller
from .transfer import TransferLabeller
