from . import affinity_step, losses, segmentors
from .backbones import AttentionMixVisionTransformer, ResNet38, VGGLargeFOV
from .consistency import TeacherConsistency, ramp_up
from .data_preprocessor import WeakSegDataPreProcessor
from .ema import TeacherEMA
from .heads import (
    AffinityHead,
    CAMHead,
    HeterogeneousPseudoLabelHead,
    SubCategoryHead,
)
from .heads.attention_affinity_head import AttentionAffinityHead
from .losses import (
    PartialCrossEntropyLoss,
    PixelAffinityLoss,
    PixelConsistencyLoss,
    TagSoftMarginLoss,
)
from .prediction_network import PredictionNetwork
from .segmentors import (
    AffinitySegmentor,
    CAMSegmentor,
    CascadeSeminarSegmentor,
    MutualPromotionSegmentor,
    PredictionTransferSegmentor,
    SeminarSegmentor,
)

__all__ = [
    'AffinityHead',
    'AffinitySegmentor',
    'AttentionAffinityHead',
    'AttentionMixVisionTransformer',
    'CAMHead',
    'CAMSegmentor',
    'CascadeSeminarSegmentor',
    'HeterogeneousPseudoLabelHead',
    'MutualPromotionSegmentor',
    'PartialCrossEntropyLoss',
    'PixelAffinityLoss',
    'PixelConsistencyLoss',
    'PredictionNetwork',
    'PredictionTransferSegmentor',
    'ResNet38',
    'SeminarSegmentor',
    'SubCategoryHead',
    'TagSoftMarginLoss',
    'TeacherConsistency',
    'TeacherEMA',
    'VGGLargeFOV',
    'WeakSegDataPreProcessor',
    'affinity_step',
    'losses',
    'ramp_up',
    'segmentors',
]
