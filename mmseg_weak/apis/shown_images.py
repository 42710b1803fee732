"""The images of a split as pictures need them: whole, with every label that is there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset, Compose
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample

from .dataset_settings import single_datasets, step_name

PLAIN = (dict(type='LoadImageFromFile'), dict(type='PackSegInputs'))
# Steps of a pipeline that neither load nor pack, and make labels of what was loaded.
LABEL_STEPS = ('RasterizeClicks', 'ListMaskClasses')


@dataclass(frozen=True)
class ShownImage:
    """One image of a data set.

    Attributes:
        dataset (BaseDataset): See :func:`build_datasets`.
        index (int): Position in it.
    """

    dataset: BaseDataset
    index: int

    @property
    def path(self) -> Path:
        """The image file."""
        return Path(self.dataset.get_data_info(self.index)['img_path'])

    @property
    def name(self) -> str:
        """Path below the image folder, without the suffix."""
        path = self.path.with_suffix('')
        folder = Path(self.dataset.data_prefix.get('img_path') or '.')
        below = path.is_relative_to(folder)
        return path.relative_to(folder).as_posix() if below else path.stem

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return mmcv.imread(str(self.path), channel_order='rgb')

    def labels(self) -> SegDataSample:
        """What the data set says of it, in the size of the image."""
        return self.dataset[self.index]['data_samples']

    def seen_by(self, pipeline: Compose) -> dict:
        """The image as a pipeline packs it for a network, with its tags."""
        info = self.dataset.get_data_info(self.index)
        item = pipeline({k: info[k] for k in info if k not in ('clicks', 'mask')})
        tags = self.labels().metainfo.get('image_classes')
        if tags is not None:
            item['data_samples'].set_metainfo(dict(image_classes=tags))
        return item


def build_datasets(config: Config, split: str) -> list[BaseDataset]:
    """The data sets of a split, one for each that a wrapper joins, without augmentation.

    Raises:
        ValueError: The config has none.
    """
    loader = config.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(
            f'{config.filename} has no {split}_dataloader to take images from; --split '
            'names another'
        )
    built = []
    for settings in single_datasets(loader.dataset, _is_dataset):
        settings = settings.copy()
        settings.pipeline = [step for step in settings.pipeline if _is_kept(step)]
        built.append(DATASETS.build(settings))
    return built


def _is_dataset(settings: Mapping) -> bool:
    """Tell data sets that hold another inside from wrappers."""
    kind = settings['type']
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    return issubclass(kind, BaseDataset)


def _is_kept(step: Mapping) -> bool:
    name = step_name(step)
    return name.startswith(('Load', 'Pack')) or name in LABEL_STEPS


def network_pipeline(config: Config) -> Compose:
    """The pipeline that networks are tested with, its labels left out."""
    tested = config.get('val_dataloader') or config.get('test_dataloader')
    steps = next(single_datasets(tested.dataset)).pipeline if tested else PLAIN
    loads = ('LoadAnnotations', 'LoadImageTags')
    return Compose([dict(step) for step in steps if step_name(step) not in loads])


def list_images(datasets: list[BaseDataset]) -> Iterator[ShownImage]:
    """All images, in the order of the data sets."""
    for dataset in datasets:
        yield from (ShownImage(dataset, index) for index in range(len(dataset)))
