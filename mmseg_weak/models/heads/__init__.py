from .cam_head import CAMHead
from .heterogeneous_pseudo_label_head import HeterogeneousPseudoLabelHead

__all__ = ['CAMHead', 'HeterogeneousPseudoLabelHead']
