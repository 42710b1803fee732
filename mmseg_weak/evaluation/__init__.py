from .click_iou_metric import ClickIoUMetric
from .strong_weak_iou_metric import CAMIoUMetric, StrongWeakIoUMetric
from .tag_metric import TagMetric
