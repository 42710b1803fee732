from . import transforms
from .click_dataset import ClickDataset, PascalVOCClickDataset
from .coco_tags import CocoTagDataset
from .pseudo_label_dataset import PseudoLabelDataset
from .strong_weak_dataset import StrongWeakDataset
from .tag_dataset import ImageTagDataset
from .transforms import ClickRandomCrop, LoadClicks, RasterizeClicks
from .voc_tags import PascalVOCCoco60Dataset, PascalVOCTagDataset
