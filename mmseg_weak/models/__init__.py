from . import affinity, losses, segmentors
from .backbones import (
    AttentionMixVisionTransformer,
    EfficientNetLite,
    ResNet38,
    VGGLargeFOV,
)
from .declaration import WeakSegmentor, declarations
from .heads import (
    AffinityHead,
    CAMHead,
    HeterogeneousPseudoLabelHead,
    SubCategoryHead,
)
from .heads.affinity_head import AttentionAffinityHead
from .inputs.data_preprocessor import WeakSegDataPreProcessor
from .losses import (
    PartialCrossEntropyLoss,
    PixelAffinityLoss,
    PixelConsistencyLoss,
    TagSoftMarginLoss,
    ramp_up,
)
from .segmentors import (
    AffinitySegmentor,
    CAMSegmentor,
    CascadeSeminarSegmentor,
    MutualPromotionSegmentor,
    PredictionTransferSegmentor,
    SeminarSegmentor,
)
from .seminar.consistency import TeacherConsistency
from .seminar.ema import TeacherEMA
from .transfer import PredictionNetwork
