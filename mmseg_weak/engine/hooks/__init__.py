from .branch_visualization_hook import BranchVisualizationHook
from .class_check_hook import ClassCheckHook
from .ema_teacher_hook import EMATeacherHook
from .iteration_seed_hook import IterationSeedHook
from .non_finite_loss_hook import NonFiniteLossHook
from .onednn_pointwise_hook import OneDNNPointwiseHook
from .prediction_network_hook import PredictionNetworkHook
from .sub_category_clustering_hook import SubCategoryClusteringHook
from .visualization_hook import WeakVisualizationHook

__all__ = [
    'BranchVisualizationHook',
    'ClassCheckHook',
    'EMATeacherHook',
    'IterationSeedHook',
    'NonFiniteLossHook',
    'OneDNNPointwiseHook',
    'PredictionNetworkHook',
    'SubCategoryClusteringHook',
    'WeakVisualizationHook',
]
