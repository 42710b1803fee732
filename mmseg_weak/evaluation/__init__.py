from .tag_metric import TagMetric

__all__ = ['TagMetric']
