"""Image tags through the pipeline."""

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImageTags(BaseTransform):
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

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
