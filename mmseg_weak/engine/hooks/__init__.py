from .class_check_hook import ClassCheckHook
from .ema_teacher_hook import EMATeacherHook

__all__ = ['ClassCheckHook', 'EMATeacherHook']
