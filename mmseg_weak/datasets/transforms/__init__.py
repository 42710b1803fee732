from .clicks import ClickRandomCrop, LoadClicks, RasterizeClicks
from .deep_images import LoadDeepImage
from .formatting import PackWeakSegInputs
from .pseudo_labels import LoadPseudoLabels
from .tags import BinarizeMasks, ListMaskClasses, LoadImageTags
from .views import PhotometricViews, RandomGaussianBlur
