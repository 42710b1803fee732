"""Image tags, and the classes of masks, through the pipeline."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ...constants import IGNORE_INDEX
from .base import Transform
from .checks import walk_transforms


@TRANSFORMS.register_module()
class LoadImageTags(Transform):
    """Hand the tags of the data set to the sample; geometry does not touch them.

    Required Keys: tags (sequence of class indices as trained, from an ``ImageTagDataset``)

    Added Keys: image_classes (tuple, sorted, each class once)
    """

    def transform(self, results: dict) -> dict:
        """Add ``image_classes``.

        Raises:
            ValueError: The data set has no tags.
        """
        if 'tags' not in results:
            raise ValueError(
                f'{results.get("img_path")}: no tags, LoadImageTags needs an '
                'ImageTagDataset'
            )
        results['image_classes'] = tuple(sorted({int(tag) for tag in results['tags']}))
        return results


def check_tag_pipeline(transforms: Sequence[BaseTransform]) -> None:
    """Refuse a training pipeline that loses the tags or reads masks.

    An empty pipeline (a data set that is only listed) passes.

    Args:
        transforms (Sequence): Transforms of a training pipeline.

    Raises:
        ValueError: ``LoadAnnotations`` is there, or ``LoadImageTags`` or a
            ``PackWeakSegInputs`` with ``image_classes`` is not.
    """
    names = {
        type(transform).__name__: transform for transform in walk_transforms(transforms)
    }
    if 'LoadAnnotations' in names:
        raise ValueError(
            'LoadAnnotations reads masks, which a tag data set does not have; use '
            'LoadImageTags'
        )
    if not names:
        return
    if 'LoadImageTags' not in names:
        raise ValueError(
            "the pipeline of a tag data set needs dict(type='LoadImageTags'), otherwise no "
            'tag reaches the model'
        )
    keys = getattr(names.get('PackWeakSegInputs'), 'meta_keys', ())
    if 'image_classes' not in keys:
        raise ValueError(
            "the pipeline of a tag data set must end with dict(type='PackWeakSegInputs') "
            "with 'image_classes' among its meta_keys (PackSegInputs drops the tags)"
        )


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
