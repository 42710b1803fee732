from .heterogeneous_pseudo_label_head import HeterogeneousPseudoLabelHead

__all__ = ['HeterogeneousPseudoLabelHead']
