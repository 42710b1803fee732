from . import hooks, prediction_transfer
from .hooks import EMATeacherHook, SubCategoryClusteringHook
