from .clicks import ClickRandomCrop, LoadClicks, RasterizeClicks
from .formatting import PackWeakSegInputs
from .views import PhotometricViews, RandomGaussianBlur

__all__ = [
    'ClickRandomCrop',
    'LoadClicks',
    'PackWeakSegInputs',
    'PhotometricViews',
    'RandomGaussianBlur',
    'RasterizeClicks',
]
