"""Which classes a crop shows, found where it costs nothing: in the data workers."""

import numpy as np
from mmseg.registry import TRANSFORMS

from ...constants import IGNORE_INDEX
from .base import Transform


@TRANSFORMS.register_module()
class ListMaskClasses(Transform):
    """List the foreground classes of the labels as they are now; put it behind the crop.

    The prediction transfer network looks at one category at a time. Without this list it
    would have to wait for the GPU to tell which categories a batch holds.

    Required Keys: gt_seg_map

    Added Keys: mask_classes (tuple of ints, sorted)

    Args:
        min_pixels (int): Fewer pixels of a class do not count, >= 1. Defaults to 64, one
            cell of the down-up sampling by 8.
        background (int): Index of the background class. Defaults to 0.

    Raises:
        ValueError: ``min_pixels`` is below 1.
    """

    def __init__(self, min_pixels: int = 64, background: int = 0) -> None:
        if min_pixels < 1:
            raise ValueError(f'ListMaskClasses: min_pixels must be >= 1, got {min_pixels}')
        self.min_pixels = min_pixels
        self.background = background

    def transform(self, results: dict) -> dict:
        """Add the classes."""
        counts = np.bincount(results['gt_seg_map'].ravel(), minlength=256)
        counts[[self.background, IGNORE_INDEX]] = 0
        shown = np.nonzero(counts >= self.min_pixels)[0]
        results['mask_classes'] = tuple(shown.tolist())
        return results


@TRANSFORMS.register_module()
class BinarizeMasks(Transform):
    """Forget which class an object has, to test a class-agnostic network.

    Put it behind ``LoadAnnotations``.

    Required Keys: gt_seg_map

    Modified Keys: gt_seg_map (0 background, 1 any object, 255 as it was)

    Args:
        background (int): Index of the background class. Defaults to 0.
    """

    def __init__(self, background: int = 0) -> None:
        self.background = background

    def transform(self, results: dict) -> dict:
        """Replace the labels."""
        labels = results['gt_seg_map']
        binary = (labels != self.background).astype(np.uint8)
        binary[labels == IGNORE_INDEX] = IGNORE_INDEX
        results['gt_seg_map'] = binary
        return results
