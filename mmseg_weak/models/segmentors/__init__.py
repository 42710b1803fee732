from .cam import CAMSegmentor
from .seminar import CascadeSeminarSegmentor, SeminarSegmentor

__all__ = ['CAMSegmentor', 'CascadeSeminarSegmentor', 'SeminarSegmentor']
