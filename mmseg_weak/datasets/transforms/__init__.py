from .clicks import ClickRandomCrop, LoadClicks, RasterizeClicks
from .deep_images import LoadDeepImage
from .formatting import PackWeakSegInputs
from .mask_classes import BinarizeMasks, ListMaskClasses
from .pseudo_labels import LoadPseudoLabels
from .tags import LoadImageTags
from .views import PhotometricViews, RandomGaussianBlur
