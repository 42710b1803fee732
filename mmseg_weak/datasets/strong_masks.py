"""Read the masks of strong classes so that nothing of a weak class comes out."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from .._messages import reason_of
from ..constants import IGNORE_INDEX
from .class_splits import StrongWeakClasses
from .image_checks import image_sizes
from .image_open import large_images, open_image, require_credible
from .mask_files import read_mask
from .messages import warn

# So many masks are compared with the tags at the start.
COMPARED = 16


class StrongMaskReader:
    """Loads a mask, renames its classes and hides what is not strong.

    Three rules, applied before anything else sees the mask:

    - pixels of a weak class become 255;
    - a mask with such a pixel keeps its strong pixels and nothing else. Its background
      becomes 255 too, for a hole in known background would show the weak object's shape;
    - the same holds for every image that is tagged with a weak class.

    If a weak class is not among the names of the masks, it may be one of theirs that is not
    trained, and those count as weak.

    Args:
        loader (BaseTransform): mmseg's ``LoadAnnotations`` or what takes its place.
        classes (StrongWeakClasses): The trained classes.
        source_classes (Sequence[str]): Class names of the ids that the loader gives.
        class_map (Mapping[str, str]): Source name to trained name; names that are not in it
            stand for themselves.

    Raises:
        ValueError: There are more classes than ids in 8 bits.
    """

    def __init__(
        self,
        loader: BaseTransform,
        classes: StrongWeakClasses,
        source_classes: Sequence[str],
        class_map: Mapping[str, str],
    ) -> None:
        self.loader = loader
        if len(source_classes) > IGNORE_INDEX:
            raise ValueError(
                f'the data set has {len(source_classes)} classes; masks of 8 bits hold '
                f'{IGNORE_INDEX} and {IGNORE_INDEX} for unknown'
            )
        names = [class_map.get(name, name) for name in source_classes]
        self.table = np.full(256, IGNORE_INDEX, np.uint8)
        index = {name: i for i, name in enumerate(classes.classes)}
        for i, name in enumerate(names):
            self.table[i] = index.get(name, IGNORE_INDEX)
        self.num_ids = len(names)
        self.is_strong, self.is_weak = np.zeros((2, 256), bool)
        self.is_strong[list(classes.strong)] = True
        self.is_weak[list(classes.weak)] = True
        # Of the masks' own ids.
        self.hides = self.is_weak[self.table]
        if not {classes.classes[i] for i in classes.weak} <= set(names):
            self.hides |= (self.table == IGNORE_INDEX) & (np.arange(256) < self.num_ids)

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
            require_credible(path)
            with large_images():
                raw = self.loader(dict(mask_info, seg_fields=[]))['gt_seg_map']
        except FileNotFoundError:
            raise FileNotFoundError(f'mask not found: {path}') from None
        except Exception as error:  # decoders raise anything for damaged files
            raise ValueError(f'{path}: mask is unreadable ({reason_of(error)})') from None
        if raw.dtype == np.uint8:
            self._check_depth(path)
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
        labels = self.table[raw]
        if only_strong or self.hides[raw].any():
            return np.where(self.is_strong[labels], labels, IGNORE_INDEX).astype(np.uint8)
        return labels

    def _check_depth(self, path: str) -> None:
        """mmseg's loader cuts ids of 16 bits down to 8."""
        if not os.path.isfile(path):
            return  # another backend
        with open_image(path) as image:
            deep = image.mode.startswith('I')
        if deep and (largest := int(read_mask(path).max())) > IGNORE_INDEX:
            raise ValueError(
                f'{path}: class id {largest}; the data set has 0 to {self.num_ids - 1}, '
                f'and {IGNORE_INDEX} for unknown'
            )


def compare_with_tags(
    entries: Sequence[Mapping], read: StrongMaskReader, backend_args: dict | None = None
) -> None:
    """Some masks of strong images hold what the tags of their images say.

    Args:
        entries (Sequence[Mapping]): Images with ``is_strong``, ``tags``, ``img_path`` and
            ``mask``; up to ``COMPARED`` are looked into.
        read (StrongMaskReader): Reads a mask.
        backend_args (dict, optional): mmengine file backend of the images.

    Raises:
        ValueError: None of them does, or a mask is unfit.
    """
    strong = [e for e in entries if e['is_strong'] and e['tags'] and 'mask' in e]
    picked = np.linspace(0, len(strong) - 1, min(COMPARED, len(strong))).astype(int)
    picked = [strong[i] for i in sorted(set(picked.tolist()))]
    empty = []
    for entry in picked:
        width, height = image_sizes([entry['img_path']], backend_args)[0]
        if not np.isin(read(entry['mask'], False, (height, width)), entry['tags']).any():
            empty.append(entry['mask']['seg_map_path'])
    if not empty:
        return
    text = (
        f'{len(empty)} of {len(picked)} masks looked into show none of the classes that '
        f'their images are tagged with, such as {empty[0]}'
    )
    if len(empty) == len(picked) and len(picked) > 1:
        raise ValueError(
            f'{text}. Values are class ids and {IGNORE_INDEX} means unknown: in a mask '
            f'of 0 and {IGNORE_INDEX} write the class id for {IGNORE_INDEX}'
        )
    warn(f'StrongWeakDataset: {text}')
