from . import losses, segmentors
from .consistency import TeacherConsistency, ramp_up
from .data_preprocessor import WeakSegDataPreProcessor
from .ema import TeacherEMA
from .heads import CAMHead, HeterogeneousPseudoLabelHead
from .losses import PartialCrossEntropyLoss, PixelConsistencyLoss, TagSoftMarginLoss
from .segmentors import CAMSegmentor, CascadeSeminarSegmentor, SeminarSegmentor

__all__ = [
    'CAMHead',
    'CAMSegmentor',
    'CascadeSeminarSegmentor',
    'HeterogeneousPseudoLabelHead',
    'PartialCrossEntropyLoss',
    'PixelConsistencyLoss',
    'SeminarSegmentor',
    'TagSoftMarginLoss',
    'TeacherConsistency',
    'TeacherEMA',
    'WeakSegDataPreProcessor',
    'losses',
    'ramp_up',
    'segmentors',
]
