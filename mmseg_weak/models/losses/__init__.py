from .absent_classes import AbsentClassLoss
from .bidirectional import balanced_cross_entropy, cam_to_seg_loss, seg_to_cam_loss
from .click_logits import gather_logits, gather_upsampled_logits
from .collision_cross_entropy import (
    CollisionCrossEntropyLoss,
    collision_cross_entropy,
    soft_labels,
)
from .dense_crf_loss import DenseCRFLoss, dense_crf_energy
from .exclusion import ExclusionLoss
from .image_loss import ImageCells, ImageLoss
from .partial_cross_entropy import PartialCrossEntropyLoss
from .pixel_affinity import PairAffinityLoss, PixelAffinityLoss
from .pixel_consistency import DecoupledConsistencyLoss, PixelConsistencyLoss
from .potts import GatedCRFLoss, PottsLoss
from .ramp import ramp_up
from .reduction import average_gradients, global_denominator
from .tag_soft_margin import ForegroundBCELoss, TagSoftMarginLoss
