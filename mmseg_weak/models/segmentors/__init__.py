from .affinity import AffinitySegmentor
from .cam import CAMSegmentor
from .max_scale_tta import MaxScaleTTAModel
from .mutual_promotion import MutualPromotionSegmentor
from .prediction_transfer import (
    CascadePredictionTransferSegmentor,
    PredictionTransferSegmentor,
)
from .seminar import CascadeSeminarSegmentor, SeminarSegmentor
