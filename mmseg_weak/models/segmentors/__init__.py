from .cam import CAMSegmentor
from .mutual_promotion import MutualPromotionSegmentor
from .seminar import CascadeSeminarSegmentor, SeminarSegmentor

__all__ = [
    'CAMSegmentor',
    'CascadeSeminarSegmentor',
    'MutualPromotionSegmentor',
    'SeminarSegmentor',
]
