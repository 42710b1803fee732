from . import losses, segmentors
from .backbones import AttentionMixVisionTransformer
from .consistency import TeacherConsistency, ramp_up
from .data_preprocessor import WeakSegDataPreProcessor
from .ema import TeacherEMA
from .heads import CAMHead, HeterogeneousPseudoLabelHead
from .heads.attention_affinity_head import AttentionAffinityHead
from .losses import PartialCrossEntropyLoss, PixelConsistencyLoss, TagSoftMarginLoss
from .segmentors import (
    CAMSegmentor,
    CascadeSeminarSegmentor,
    MutualPromotionSegmentor,
    SeminarSegmentor,
)

__all__ = [
    'AttentionAffinityHead',
    'AttentionMixVisionTransformer',
    'CAMHead',
    'CAMSegmentor',
    'CascadeSeminarSegmentor',
    'HeterogeneousPseudoLabelHead',
    'MutualPromotionSegmentor',
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
