from . import hooks
from .hooks import EMATeacherHook, SubCategoryClusteringHook
