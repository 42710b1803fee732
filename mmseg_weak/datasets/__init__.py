from . import transforms
from .click_dataset import ClickDataset, PascalVOCClickDataset

__all__ = ['ClickDataset', 'PascalVOCClickDataset', 'transforms']
