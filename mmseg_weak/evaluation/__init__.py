from .cam_iou_metric import CAMIoUMetric
from .strong_weak_iou_metric import StrongWeakIoUMetric
from .tag_metric import TagMetric

__all__ = ['CAMIoUMetric', 'StrongWeakIoUMetric', 'TagMetric']
