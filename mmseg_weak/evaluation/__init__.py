from .cam_iou_metric import CAMIoUMetric
from .tag_metric import TagMetric

__all__ = ['CAMIoUMetric', 'TagMetric']
