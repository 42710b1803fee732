"""Label maps that networks made, beside the clicks."""

from collections.abc import Iterable, Sequence

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ..pseudo_label_folder import PseudoLabelFolder
from .base import Transform
from .checks import walk_transforms

KEY = 'pseudo_seg_map'


@TRANSFORMS.register_module()
class LoadPseudoLabels(Transform):
    """Load the pseudo-label of an image as a map that goes through the geometry.

    Data sets of weak labels put it behind ``LoadImageFromFile`` themselves when they have a
    ``pseudo_label_dir``.

    Required Keys: img, img_id

    Added Keys: pseudo_seg_map ((H, W) uint8, 255 unlabelled), also in seg_fields

    Args:
        pseudo_label_dir (str): See
            :class:`~mmseg_weak.datasets.pseudo_label_folder.PseudoLabelFolder`.
    """

    def __init__(self, pseudo_label_dir: str) -> None:
        self.pseudo_label_dir = pseudo_label_dir
        self.folder = PseudoLabelFolder(pseudo_label_dir)

    def transform(self, results: dict) -> dict:
        """Add the label map.

        Raises:
            FileNotFoundError: The image has no label.
            ValueError: The label has another size or is unreadable.
        """
        shape = results['img'].shape[:2]
        results[KEY] = self.folder.read(results['img_id'], shape)
        results.setdefault('seg_fields', []).append(KEY)
        return results

    def check(self, images: Sequence[str], classes: Sequence[str]) -> None:
        """Check the folder; see :meth:`.PseudoLabelFolder.check`."""
        self.folder.check(images, classes)


def check_pseudo_labels(
    transforms: Iterable[BaseTransform], images: Sequence[str], classes: Sequence[str]
) -> None:
    """Check the folder of every :class:`LoadPseudoLabels` of a pipeline.

    Raises:
        FileNotFoundError, ValueError: See :meth:`.PseudoLabelFolder.check`.
    """
    for transform in walk_transforms(transforms):
        if isinstance(transform, LoadPseudoLabels):
            transform.check(images, classes)
