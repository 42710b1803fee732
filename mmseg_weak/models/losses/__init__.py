from .bidirectional import bidirectional_losses
from .click_logits import gather_logits, gather_upsampled_logits
from .decoupled_consistency import DecoupledConsistencyLoss
from .partial_cross_entropy import PartialCrossEntropyLoss
from .pixel_affinity import PixelAffinityLoss
from .pixel_consistency import PixelConsistencyLoss
from .reduction import global_denominator
from .tag_soft_margin import TagSoftMarginLoss

__all__ = [
    'DecoupledConsistencyLoss',
    'PartialCrossEntropyLoss',
    'PixelAffinityLoss',
    'PixelConsistencyLoss',
    'TagSoftMarginLoss',
    'bidirectional_losses',
    'gather_logits',
    'gather_upsampled_logits',
    'global_denominator',
]
