from .seminar import CascadeSeminarSegmentor, SeminarSegmentor

__all__ = ['CascadeSeminarSegmentor', 'SeminarSegmentor']
