from .balanced_cross_entropy import balanced_cross_entropy
from .bidirectional import bidirectional_losses, cam_to_seg_loss, seg_to_cam_loss
from .click_logits import gather_logits, gather_upsampled_logits
from .decoupled_consistency import DecoupledConsistencyLoss
from .foreground_bce import ForegroundBCELoss
from .pair_affinity import PairAffinityLoss
from .partial_cross_entropy import PartialCrossEntropyLoss
from .pixel_affinity import PixelAffinityLoss
from .pixel_consistency import PixelConsistencyLoss
from .reduction import average_gradients, global_denominator
from .tag_soft_margin import TagSoftMarginLoss

__all__ = [
    'DecoupledConsistencyLoss',
    'ForegroundBCELoss',
    'PairAffinityLoss',
    'PartialCrossEntropyLoss',
    'PixelAffinityLoss',
    'PixelConsistencyLoss',
    'TagSoftMarginLoss',
    'average_gradients',
    'balanced_cross_entropy',
    'bidirectional_losses',
    'cam_to_seg_loss',
    'gather_logits',
    'gather_upsampled_logits',
    'global_denominator',
    'seg_to_cam_loss',
]
