"""Image tags through the pipeline."""

from collections.abc import Sequence

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

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
