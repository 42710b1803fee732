from . import losses, segmentors
from .consistency import TeacherConsistency, ramp_up
from .data_preprocessor import WeakSegDataPreProcessor
from .ema import TeacherEMA
from .heads import HeterogeneousPseudoLabelHead
from .losses import PartialCrossEntropyLoss, PixelConsistencyLoss
from .segmentors import CascadeSeminarSegmentor, SeminarSegmentor

__all__ = [
    'CascadeSeminarSegmentor',
    'HeterogeneousPseudoLabelHead',
    'PartialCrossEntropyLoss',
    'PixelConsistencyLoss',
    'SeminarSegmentor',
    'TeacherConsistency',
    'TeacherEMA',
    'WeakSegDataPreProcessor',
    'losses',
    'ramp_up',
    'segmentors',
]
