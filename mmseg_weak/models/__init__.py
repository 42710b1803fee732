from . import losses, segmentors
from .backbones import AttentionMixVisionTransformer, VGGLargeFOV
from .consistency import TeacherConsistency, ramp_up
from .data_preprocessor import WeakSegDataPreProcessor
from .ema import TeacherEMA
from .heads import CAMHead, HeterogeneousPseudoLabelHead
from .heads.attention_affinity_head import AttentionAffinityHead
from .losses import PartialCrossEntropyLoss, PixelConsistencyLoss, TagSoftMarginLoss
from .prediction_network import PredictionNetwork
from .segmentors import (
    CAMSegmentor,
    CascadeSeminarSegmentor,
    MutualPromotionSegmentor,
    PredictionTransferSegmentor,
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
    'PredictionNetwork',
    'PredictionTransferSegmentor',
    'SeminarSegmentor',
    'TagSoftMarginLoss',
    'TeacherConsistency',
    'TeacherEMA',
    'VGGLargeFOV',
    'WeakSegDataPreProcessor',
    'losses',
    'ramp_up',
    'segmentors',
]
