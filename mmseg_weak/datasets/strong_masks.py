"""Read the masks of strong classes so that nothing of a weak class comes out."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from .class_splits import StrongWeakClasses

IGNORE_INDEX = 255


class StrongMaskReader:
    """Loads a mask, renames its classes and hides what is not strong.

    Three rules, applied before anything else sees the mask:

    - pixels of a weak class become 255;
    - a mask with such a pixel keeps its strong pixels and nothing else. Its background
      becomes 255 too, for a hole in known background would show the weak object's shape;
    - the same holds for every image that is tagged with a weak class.

    Args:
        loader (BaseTransform): mmseg's ``LoadAnnotations`` or what takes its place.
        classes (StrongWeakClasses): The trained classes.
        source_classes (Sequence[str]): Class names of the ids that the loader gives.
        class_map (Mapping[str, str]): Source name to trained name; names that are not in it
            stand for themselves.
    """

    def __init__(
        self,
        loader: BaseTransform,
        classes: StrongWeakClasses,
        source_classes: Sequence[str],
        class_map: Mapping[str, str],
    ) -> None:
        self.loader = loader
        self.table = np.full(256, IGNORE_INDEX, np.uint8)
        index = {name: i for i, name in enumerate(classes.classes)}
        for i, name in enumerate(source_classes):
            self.table[i] = index.get(class_map.get(name, name), IGNORE_INDEX)
        self.num_ids = len(source_classes)
        self.is_strong, self.is_weak = np.zeros((2, 256), bool)
        self.is_strong[list(classes.strong)] = True
        self.is_weak[list(classes.weak)] = True

    def __call__(
        self, mask_info: dict, only_strong: bool, size: tuple[int, int]
    ) -> np.ndarray:
        """Read one mask.

        Args:
            mask_info (dict): What the loader needs: ``seg_map_path``, ``label_map`` ...
            only_strong (bool): The image is tagged with a weak class.
            size (tuple[int, int]): Height and width of the upright image.

        Returns:
            np.ndarray: (H, W) uint8, trained class indices without weak ones, 255 unknown.

        Raises:
            FileNotFoundError: The mask is absent.
            ValueError: It is unreadable, of another size, or holds an unknown id.
        """
        path = mask_info['seg_map_path']
        try:
            raw = self.loader(dict(mask_info, seg_fields=[]))['gt_seg_map']
        except FileNotFoundError:
            raise FileNotFoundError(f'mask not found: {path}') from None
        except (OSError, SyntaxError) as error:  # PIL raises both for damaged files
            raise ValueError(f'{path}: mask is unreadable ({error})') from None
        if raw.ndim < 2 and raw.size == size[0] * size[1]:
            raw = raw.reshape(size)  # mmseg squeezes masks of one row or column
        if raw.ndim != 2:
            raise ValueError(
                f'{path}: mask of shape {raw.shape}; expected one class id per pixel'
            )
        if raw.shape != tuple(size):
            raise ValueError(
                f'{path}: mask of {raw.shape[1]}x{raw.shape[0]} pixels, its image has '
                f'{size[1]}x{size[0]} (as its EXIF tag turns it)'
            )
        unknown = raw[(raw >= self.num_ids) & (raw != IGNORE_INDEX)]
        if unknown.size:
            raise ValueError(
                f'{path}: class id {unknown[0]}; the data set has 0 to {self.num_ids - 1}, '
                f'and {IGNORE_INDEX} for unknown'
            )
        return self.hide(self.table[raw], only_strong)

    def hide(self, labels: np.ndarray, only_strong: bool) -> np.ndarray:
        """Apply the rules to trained class indices, (H, W) uint8."""
        if only_strong or self.is_weak[labels].any():
            return np.where(self.is_strong[labels], labels, IGNORE_INDEX).astype(np.uint8)
        return labels
