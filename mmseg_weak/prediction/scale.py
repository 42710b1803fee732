"""The size at which a network saw photographs in training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from mmcv.transforms import BaseTransform, Resize
from mmengine.config import Config
from mmseg.registry import TRANSFORMS

from ..apis.dataset_settings import single_datasets


@dataclass(frozen=True)
class TrainingScale:
    """What a resizing step of a pipeline does to a photograph.

    Attributes:
        scale (tuple[int, int]): Longest allowed long and short side, as mmcv's ``Resize``
            with ``keep_ratio`` takes them.
        low, high (float): Factors of it that training drew from; both 1 where the pipeline
            of tests says the scale.
    """

    scale: tuple[int, int]
    low: float = 1.0
    high: float = 1.0

    def factor(self, height: int, width: int) -> float:
        """By how much a photograph is enlarged before the network sees it.

        A photograph of a size that training drew is left as it is, any other is brought
        to the middle.

        Args:
            height (int): Of the photograph, in pixels.
            width (int): Likewise.
        """
        long, short = max(self.scale), min(self.scale)
        fit = min(long / max(height, width), short / min(height, width))
        if self.low < self.high and fit * self.low <= 1 <= fit * self.high:
            return 1.0
        return fit * float(np.clip(1.0, self.low, self.high))


def training_scale(config: Config) -> TrainingScale | None:
    """Scale of the photographs of a training, from its config.

    The pipeline of tests decides if it resizes, then that of training.

    Args:
        config (Config): Config of the training.

    Returns:
        TrainingScale | None: None where photographs keep their size.
    """
    for name in ('test_dataloader', 'val_dataloader'):
        for step in steps_of(config.get(name)):
            if step.get('type') == 'Resize' and step.get('scale'):
                return TrainingScale(_pair(step['scale']))
    for step in steps_of(config.get('train_dataloader')):
        if step.get('type') in ('Resize', 'RandomResize') and step.get('scale'):
            return _drawn(step)
    return None


def steps_of(loader: Mapping | None) -> Iterator[Mapping]:
    """Steps of the pipelines of a data loader, through wrappers of data sets."""
    for dataset in single_datasets(loader['dataset']) if loader else ():
        yield from dataset.get('pipeline', ())


def _drawn(step: Mapping) -> TrainingScale:
    """Range of a step of training: one scale and factors, or two scales."""
    scales = np.atleast_2d(np.array(step['scale']))
    if np.ndim(step['scale']) == 0:
        scales = np.repeat(scales, 2, axis=1)
    low, high = step.get('ratio_range', (1.0, 1.0))
    if len(scales) > 1:
        low, high = scales[:, 0] / scales[:, 0].mean()
    return TrainingScale(_pair(scales.mean(0).round().astype(int)), float(low), float(high))


def _pair(scale) -> tuple[int, int]:
    values = np.broadcast_to(np.asarray(scale), 2)
    return int(values[0]), int(values[1])


@TRANSFORMS.register_module()
class ResizeToTraining(BaseTransform):
    """Bring a photograph of any size to the scale of the training.

    Required Keys: img

    Modified Keys: img, img_shape, scale_factor

    Args:
        scale (tuple[int, int]): See :class:`TrainingScale`.
        low (float): Likewise. Defaults to 1.
        high (float): Likewise. Defaults to 1.
    """

    def __init__(self, scale: tuple[int, int], low: float = 1.0, high: float = 1.0) -> None:
        self.scale = TrainingScale(scale, low, high)

    def transform(self, results: dict) -> dict:
        """Resize the image, if at all."""
        factor = self.scale.factor(*results['img'].shape[:2])
        if factor == 1:
            return results
        middle = float(np.clip(1.0, self.scale.low, self.scale.high))
        scale = tuple(int(side * middle + 0.5) for side in self.scale.scale)
        return Resize(scale=scale, keep_ratio=True).transform(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.scale})'
