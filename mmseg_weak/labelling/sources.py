"""The images of any training set, whole, with what is known of each."""

import copy
import hashlib
import inspect
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import Registry
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, TRANSFORMS
from mmseg.structures import SegDataSample
from torch import Tensor

from .._tensors import evenly_spread
from ..apis.dataset_settings import single_datasets
from ..constants import IGNORE_INDEX
from ..datasets import ClickDataset, ImageTagDataset, StrongWeakDataset
from ..datasets.class_splits import background_of
from ..datasets.image_checks import image_sizes
from ..datasets.mask_files import read_mask
from ..datasets.transforms import LoadClicks, LoadImageTags, RasterizeClicks
from ..datasets.weak_dataset import image_of, relabelling

# Steps of a training pipeline that stay: the image as it is, clicks rasterised on it.
KEPT_STEPS = (LoadImageFromFile, LoadClicks, RasterizeClicks, LoadImageTags)
NEEDED_STEPS = {
    ClickDataset: (LoadImageFromFile, LoadClicks, RasterizeClicks),
    ImageTagDataset: (LoadImageFromFile, LoadImageTags),
    BaseSegDataset: (LoadImageFromFile,),
}
# Of an image, what tells nothing of its label: files, and how masks are read.
NOT_LABELS = (
    *('img_path', 'seg_map_path', 'mask', 'sample_idx', 'seg_fields', 'is_strong'),
    *('label_map', 'reduce_zero_label'),
)


class SourceImage(NamedTuple):
    """An image to label.

    Attributes:
        sample (SegDataSample): Metainfo ``img_id``, ``img_path`` and ``image_classes``, the
            foreground classes that it is known to hold, empty where nothing is known; of
            clicks also ``gt_sem_seg``, 255 where there is none.
        image (Tensor): RGB in [0, 1], shape (1, 3, H, W).
    """

    sample: SegDataSample
    image: Tensor


class LabelSource:
    """The training set of a config, without augmentation and without any mask.

    Clicks, tags, the weak images of strong and weak classes, plain mmseg data sets (images
    of which nothing is known), and what wraps them: ``RepeatDataset``, ``ConcatDataset`` …

    Args:
        config (Config): With a ``train_dataloader``.
        kind (type, optional): Take data sets of this class alone. Defaults to None, all.
        long_side (int, optional): Pixels to which the long side of images is brought, with
            their clicks. Defaults to None, their own size.

    Attributes:
        images (list[str]): Ids: the path below the image folder, without its suffix.
        classes (tuple[str, ...]): Class names, in the order of the ids in labels.
        palette (np.ndarray): (n, 3) uint8 colours of the classes.
        background (int | None): Index of the background class.
        training_steps (Sequence[Mapping]): Pipeline that the first data set trains with.
        parts (list[SourcePart]): The data sets.

    Raises:
        ValueError: There is no such data set, a pipeline lacks a step, or the data sets
            differ in their classes or share an image id.
    """

    def __init__(
        self, config: Config, kind: type | None = None, long_side: int | None = None
    ) -> None:
        settings = config.train_dataloader.dataset
        found = list(single_datasets(settings, _is_data_set))
        kind = kind or BaseSegDataset
        wanted = [one for one in found if _is_a(_type(DATASETS, one), kind)]
        if not wanted:
            names = ', '.join(str(one['type']) for one in found)
            raise ValueError(
                f'{config.filename}: these labels need a {kind.__name__} in '
                f'train_dataloader, which holds {names}'
            )
        # Beside weak images there may be a set of strong ones only, as in split 4.
        weak = [one for one in wanted if one.get('images') != 'strong'] or wanted[:1]
        self.training_steps = weak[0].get('pipeline') or ()
        self.parts = [SourcePart(one, config.filename, long_side) for one in weak]
        self.images = [image for part in self.parts for image in part.images]
        first = self.parts[0]
        self.classes, self.background = first.classes, first.background
        self.palette = np.array(first.dataset.metainfo['palette'], np.uint8)
        self._index = [(part, i) for part in self.parts for i in part.positions]
        self._check_parts(config.filename)

    def _check_parts(self, filename: str) -> None:
        for part in self.parts[1:]:
            if (part.classes, part.background) != (self.classes, self.background):
                raise ValueError(
                    f'{filename}: the data sets of train_dataloader have the classes '
                    f'{", ".join(self.classes)} and {", ".join(part.classes)}; labels of '
                    'one folder have one list of classes and one background'
                )
        image, count = Counter(self.images).most_common(1)[0]
        if count > 1:
            raise ValueError(
                f'{filename}: train_dataloader holds {count} images {image!r} in '
                f'{len(self.parts)} data sets, and a label is named by its image: give a '
                'config with one of them, once for each, with its own --out'
            )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> SourceImage:
        """Load an image with what is known of it."""
        part, i = self._index[index]
        packed = part.dataset.pipeline({'image_classes': (), **part.info(i)})
        image = packed['inputs'].flip(0)[None] / 255  # mmcv: BGR
        return SourceImage(packed['data_samples'], image)

    def path(self, index: int) -> str:
        """File of an image."""
        return self.info(index)['img_path']

    def tags(self, index: int) -> tuple[int, ...]:
        """Tags of an image of a data set of tags, as class indices."""
        return tuple(self.info(index)['tags'])

    def info(self, index: int) -> dict:
        """What the data set lists of an image, see :meth:`SourcePart.info`."""
        part, i = self._index[index]
        return part.info(i)

    def mask(self, index: int, folder: str) -> np.ndarray:
        """Mask of an image as trained, (H, W), 255 ignored; only to score labels with.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is unreadable.
        """
        part, _ = self._index[index]
        return part.trained_ids(read_mask(Path(folder) / f'{self.images[index]}.png'))

    def require_classes(self, makes: str) -> None:
        """Refuse images of which nothing is known.

        Raises:
            ValueError: A data set has neither tags nor clicks.
        """
        for part in self.parts:
            if not {'tags', 'click_labels', 'image_classes'} & part.info(0).keys():
                raise ValueError(
                    f'{makes} need the classes of each image, and a '
                    f'{type(part.dataset).__name__} has neither tags nor clicks'
                )

    def require_clicks(self, makes: str, instead: str = '') -> None:
        """Refuse images that nobody could click.

        Args:
            makes (str): What needs them, in the plural.
            instead (str): What would do as well. Defaults to nothing.

        Raises:
            ValueError: A data set has no clicks.
        """
        for part in self.parts:
            if 'click_labels' not in part.info(0):
                kind = type(part.dataset).__name__
                raise ValueError(f'{makes} need clicks{instead}; {kind} has no clicks')

    def digest(self) -> str:
        """Hash of the ids of the images, of what is known of them and how it is loaded."""
        data = hashlib.sha256()
        for part in self.parts:
            data.update(repr(part.steps).encode())
            for i in part.positions:
                info = part.info(i)
                for key in sorted(info.keys() - set(NOT_LABELS)):
                    value = info[key]
                    if isinstance(value, np.ndarray):
                        value = np.ascontiguousarray(value).tobytes()
                    data.update(f'{key}:{value}'.encode())
        return data.hexdigest()


class SourcePart:
    """One data set of a source.

    Args:
        settings (Mapping): Of the data set, no wrapper.
        filename (str): Of the config, for messages.
        long_side (int, optional): See :class:`LabelSource`.

    Raises:
        ValueError: The pipeline lacks a step, or the data set names no classes.
    """

    def __init__(
        self, settings: Mapping, filename: str, long_side: int | None = None
    ) -> None:
        settings, kind = copy.deepcopy(settings), _type(DATASETS, settings)
        steps = settings.get('pipeline') or ()
        self.steps = [dict(s) for s in steps if _is_a(_type(TRANSFORMS, s), KEPT_STEPS)]
        there = [_type(TRANSFORMS, step) for step in self.steps]
        needed = next(s for base, s in NEEDED_STEPS.items() if issubclass(kind, base))
        absent = [s.__name__ for s in needed if not any(issubclass(t, s) for t in there)]
        if absent:
            raise ValueError(
                f'{filename}: the pipeline of train_dataloader has no {", ".join(absent)}'
            )
        if long_side:  # while clicks are still points
            resize = dict(type='Resize', scale=(long_side, long_side), keep_ratio=True)
            last = there.index(RasterizeClicks) if RasterizeClicks in there else len(there)
            self.steps.insert(last, resize)
        settings.pipeline = [*self.steps, dict(type='PackWeakSegInputs')]
        for key in ('lazy_init', 'pseudo_label_dir'):
            settings.pop(key, None)
        if issubclass(kind, StrongWeakDataset):
            settings.update(images='weak', class_agnostic=False, policy='strict')
        self.dataset = DATASETS.build(settings)
        self.classes = tuple(self.dataset.metainfo.get('classes') or ())
        if not self.classes:
            raise ValueError(
                f'{filename}: the {kind.__name__} of train_dataloader names no classes '
                '(metainfo)'
            )
        by_name = background_of(self.dataset.metainfo)
        self.background = getattr(self.dataset, 'background_index', by_name)
        infos = map(self.dataset.get_data_info, self.positions)
        self.images = [
            info.get('img_id') or image_of(self.dataset, info['img_path']) for info in infos
        ]

    @property
    def positions(self) -> range:
        """Of the images."""
        return range(len(self.dataset))

    def info(self, i: int) -> dict:
        """What the data set lists of an image, without its mask."""
        info = self.dataset.get_data_info(i)
        for key in ('mask', 'seg_map_path'):
            info.pop(key, None)
        if 'tags' in info:
            info['image_classes'] = tuple(info['tags'])
        return dict(info, img_id=self.images[i])

    def trained_ids(self, mask: np.ndarray) -> np.ndarray:
        """Relabel a mask as training relabels it, (H, W).

        Raises:
            ValueError: It holds an id above 255.
        """
        if isinstance(self.dataset, StrongWeakDataset):
            return self.dataset.read_mask.table[trained_ids(mask, self.dataset.source)]
        return trained_ids(mask, self.dataset)


def trained_ids(mask: np.ndarray, dataset: BaseSegDataset) -> np.ndarray:
    """Relabel a mask as mmseg's ``LoadAnnotations`` does, (H, W).

    Raises:
        ValueError: It holds an id above 255.
    """
    if mask.max(initial=0) > IGNORE_INDEX:
        raise ValueError(f'the mask holds {mask.max()}, ids end at 255')
    return relabelling(dataset)[mask]


def _is_data_set(settings: Mapping) -> bool:
    """Whether these settings are of a data set, not of a wrapper."""
    return _is_a(_type(DATASETS, settings), BaseSegDataset)


def _is_a(kind: object, of: type | tuple) -> bool:
    return inspect.isclass(kind) and issubclass(kind, of)


def _type(registry: Registry, settings: Mapping) -> type | None:
    kind = settings['type']
    return kind if inspect.isclass(kind) else registry.get(kind)


NUM_IMAGES = 50
TOO_LARGE = 2.0


def warn_of_large_images(source: LabelSource) -> float:
    """Compare images, which are labelled in their own size, with the training scale.

    Args:
        source (LabelSource): The images to label.

    Returns:
        float: Median long side of up to 50 images as a multiple of the largest that the
        training makes of it; NaN where its pipeline does not say.
    """
    sides = [side for step in source.training_steps for side in _long_sides(step)]
    if not sides:
        return float('nan')
    paths = [source.path(i) for i in evenly_spread(len(source), NUM_IMAGES)]
    found = float(np.median(image_sizes(paths).max(axis=1)))
    ratio = found / max(sides)
    if ratio > TOO_LARGE:
        print_log(
            f'the images have {found:.0f} pixels on the long side, and the network was '
            f'trained on at most {max(sides):.0f}: it will see objects {ratio:.1f} times '
            'as large, and needs memory for the whole image. Give it the scale of the '
            f'training: --long-side {max(sides):.0f}',
            logger='current',
            level=logging.WARNING,
        )
    return ratio


def _long_sides(step: Mapping) -> list[float]:
    """Largest long side that a resizing step makes, with the pipelines inside it."""
    if step.get('type') in ('Resize', 'RandomResize') and step.get('scale'):
        scale = np.atleast_1d(np.array(step['scale'], float))
        return [float(scale.max() * max(step.get('ratio_range', (1.0,))))]
    return []
