from .class_check_hook import ClassCheckHook
from .ema_teacher_hook import EMATeacherHook
from .iteration_seed_hook import IterationSeedHook
from .visualization_hook import WeakVisualizationHook

__all__ = [
    'ClassCheckHook',
    'EMATeacherHook',
    'IterationSeedHook',
    'WeakVisualizationHook',
]
