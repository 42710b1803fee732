from . import hooks, prediction_transfer
from .hooks import EMATeacherHook, SubCategoryClusteringHook

__all__ = ['EMATeacherHook', 'SubCategoryClusteringHook', 'hooks', 'prediction_transfer']
