"""Label maps that networks made, beside the clicks."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ..mask_files import read_mask
from .checks import walk_transforms

MANIFEST = 'manifest.json'
REPORT = 'report.json'  # written when all labels are
KEY = 'pseudo_seg_map'
# How many names an error message lists.
MAX_NAMES = 3


@TRANSFORMS.register_module()
class LoadPseudoLabels(BaseTransform):
    """Load the pseudo-label of an image as a map that goes through the geometry.

    Put it behind ``LoadImageFromFile`` and before the geometry. The folder must be one of
    ``tools/make_pseudo_labels.py``: its manifest tells labels made by networks from masks,
    which no training from clicks may read.

    Required Keys: img, img_id (from a ``ClickDataset``)

    Added Keys: pseudo_seg_map ((H, W) uint8, 255 unlabelled), also in seg_fields

    Args:
        pseudo_label_dir (str): Folder with ``{img_id}.png`` and ``manifest.json``.
    """

    def __init__(self, pseudo_label_dir: str) -> None:
        self.pseudo_label_dir = pseudo_label_dir

    def transform(self, results: dict) -> dict:
        """Add the label map.

        Raises:
            FileNotFoundError: The image has no label.
            ValueError: The label has another size or is unreadable.
        """
        path = self._path(results['img_id'])
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: image {results["img_id"]!r} has no pseudo-label; let '
                'tools/make_pseudo_labels.py finish the folder'
            )
        labels = read_mask(path)
        shape = results['img'].shape[:2]
        if labels.shape != shape:
            raise ValueError(
                f'{path}: pseudo-label of {labels.shape[1]}x{labels.shape[0]} pixels for '
                f'image {results["img_id"]!r} of {shape[1]}x{shape[0]}; put '
                'LoadPseudoLabels before the geometry, or make the labels again'
            )
        results[KEY] = labels
        results.setdefault('seg_fields', []).append(KEY)
        return results

    def check(self, images: Sequence[str], classes: Sequence[str]) -> None:
        """Check the folder before the first iteration.

        Args:
            images (Sequence[str]): Ids of all images.
            classes (Sequence[str]): Class names of the data set.

        Raises:
            FileNotFoundError: The folder or its manifest is absent.
            ValueError: The folder is incomplete or for other classes.
        """
        manifest = Path(self.pseudo_label_dir) / MANIFEST
        if not manifest.is_file():
            raise FileNotFoundError(
                f'{manifest} not found: pseudo_label_dir must be a folder made by '
                'tools/make_pseudo_labels.py (a folder of masks is refused)'
            )
        made_for = json.loads(manifest.read_text())['classes']
        if list(made_for) != list(classes):
            raise ValueError(
                f'{manifest}: pseudo-labels for the classes {", ".join(made_for)}, the '
                f'data set has {", ".join(classes)}'
            )
        absent = [image for image in images if not self._path(image).is_file()]
        if absent:
            raise ValueError(
                f'{self.pseudo_label_dir}: {len(absent)} of {len(images)} images have no '
                f'pseudo-label, such as {", ".join(absent[:MAX_NAMES])}; let '
                'tools/make_pseudo_labels.py finish the folder'
            )

    def _path(self, image: str) -> Path:
        return Path(self.pseudo_label_dir) / f'{image}.png'

    def __repr__(self) -> str:
        return f'{type(self).__name__}(pseudo_label_dir={self.pseudo_label_dir!r})'


def check_pseudo_labels(
    transforms: Iterable[BaseTransform], images: Sequence[str], classes: Sequence[str]
) -> None:
    """Check the folder of every :class:`LoadPseudoLabels` of a pipeline.

    Raises:
        FileNotFoundError, ValueError: See :meth:`LoadPseudoLabels.check`.
    """
    for transform in walk_transforms(transforms):
        if isinstance(transform, LoadPseudoLabels):
            transform.check(images, classes)
