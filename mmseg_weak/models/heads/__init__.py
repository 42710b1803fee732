from .affinity_head import AffinityHead, AttentionAffinityHead
from .cam_head import CAMHead, SubCategoryHead
from .heterogeneous_pseudo_label_head import HeterogeneousPseudoLabelHead
from .lean_segformer_head import LargeFOVHead, LeanSegformerHead
