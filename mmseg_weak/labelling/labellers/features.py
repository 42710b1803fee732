"""A linear classifier of frozen features labels what was clicked."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from ..._tensors import evenly_spread, rgb_pixels
from ...constants import IGNORE_INDEX
from ...engine.console import tracked
from ...live.head import NUM_STANDARD, Samples, Standard
from ...live.model import LiveModel
from ...live.pyramid import FrozenPyramid, sample_maps
from ...registry import LABELLERS
from ..pool import map_images
from ..sources import LabelSource
from .base import Labeller
from .segmentor import SegmentorLabeller

if TYPE_CHECKING:
    from ..job import Job

# What the classifier learns from, evenly spread: images, and pixels of a class in each.
NUM_IMAGES = 2000
PIXELS = 200


@LABELLERS.register_module(name=['features', 'FeatureLabeller'])
@dataclass
class FeatureLabeller(SegmentorLabeller):
    """The live model of the page for a data set of clicks; docs/pseudo_labels.md.

    Features of a frozen ImageNet network at five depths, one linear classifier of all
    clicks, pixel-adaptive refinement. Nothing is trained first. Segmentors may be further
    peers: all are fused, restricted and refined as labels of segmentors.

    Attributes:
        features_long_side (int): Pixels of the long side at which the frozen network sees
            an image, >= 32.

    Raises:
        ValueError: An option is out of its range.
    """

    features_long_side: int = 512

    makes: ClassVar[str] = 'labels by features'

    def __post_init__(self) -> None:
        Labeller.__post_init__(self)  # other peers are welcome, not needed
        if self.features_long_side < 32:
            raise ValueError(
                f'features_long_side must be >= 32, got {self.features_long_side}'
            )
        self.rule()
        self._build_refinement()

    def settings(self) -> dict[str, Any]:
        """Options, with the frozen network by its weights.

        Raises:
            FileNotFoundError: Its weights are absent.
        """
        return dict(super().settings(), features=self.pyramid('cpu').digest)

    def pyramid(self, device: str) -> FrozenPyramid:
        """The frozen network, the same each time in a process."""
        return _pyramid(self.features_long_side, device)

    def prepare(self, job: 'Job') -> None:
        """Fit the classifier to all clicks.

        Raises:
            ValueError: A data set has no clicks, or none of them names a class.
        """
        super().prepare(job)
        job.source.require_clicks(self.makes)
        self.model = job.ranks.first(lambda: self._fit(job))

    def _fit(self, job: 'Job') -> LiveModel | None:
        """The classifier, in one rank; None if nothing is left to label."""
        if not job.missing():
            return None
        device, source = job.ranks.device(job.device), job.source
        chosen = evenly_spread(len(source), NUM_IMAGES)
        pyramid, scale = self.pyramid(device), evenly_spread(len(source), NUM_STANDARD)
        standard = Standard.measure([pyramid(rgb_pixels(source[i].image)) for i in scale])
        found = map_images(FeatureSampler, (self, source, device), chosen, job.workers)
        rows = list(tracked(found, 'features of clicks', len(chosen)))
        samples = joined(rows)
        if samples.denied.all():
            raise ValueError(f'{self.makes} need clicks, and there is none')
        model = LiveModel(standard, len(source.classes))
        model.fit(samples)
        return model

    def start(self, source: LabelSource, device: str) -> None:
        """Load the networks."""
        super().start(source, device)
        self._pyramid = self.pyramid(device)

    def _probabilities(self, sample: SegDataSample, image: Tensor) -> list[Tensor]:
        """Of the classifier, then of the peers."""
        pixels = rgb_pixels(image)
        size = pixels.shape[:2]
        seen = self._pyramid.size(*size)
        probs = self.model.probabilities(self._pyramid(pixels), pixels, seen, size)
        return [probs[None].to(image.device), *super()._probabilities(sample, image)]


@cache
def _pyramid(long_side: int, device: str) -> FrozenPyramid:
    return FrozenPyramid(long_side=long_side, device=device)


class FeatureSampler:
    """Features under the clicks of an image, in one process.

    Args:
        labeller (FeatureLabeller): Whose frozen network.
        source (LabelSource): The images.
        device (str): Where it runs.
    """

    def __init__(self, labeller: FeatureLabeller, source: LabelSource, device: str) -> None:
        self.source, self.pyramid = source, labeller.pyramid(device)

    def __call__(self, index: int) -> tuple[np.ndarray, ...]:
        """Features (n, D), classes (n,) and whether these are denied (n,) of an image."""
        sample, image = self.source[index]
        marks = sample.gt_sem_seg.data[0].numpy()
        places = [(np.zeros((0, 2), int), 0, False)]
        for label in np.unique(marks[marks != IGNORE_INDEX]):
            pixels = np.argwhere(marks == label)
            places.append((pixels[evenly_spread(len(pixels), PIXELS)], label, False))
        for row, column, label in np.asarray(sample.get('gt_exclusions', ())):
            places.append((np.array([[row, column]]), label, True))
        points = np.concatenate([pixels for pixels, *_ in places])
        counts = [len(pixels) for pixels, *_ in places]
        labels = np.repeat([label for _, label, _ in places], counts)
        denied = np.repeat([no for *_, no in places], counts)
        if not len(points):
            return np.zeros((0, 0), np.float32), labels, denied
        shares = (points[:, ::-1] + 0.5) / marks.shape[::-1]
        maps = self.pyramid(rgb_pixels(image))
        return sample_maps(maps, shares).numpy(), labels, denied


def joined(rows: list[tuple[np.ndarray, ...]]) -> Samples:
    """What a :class:`FeatureSampler` returned of several images, as one."""
    some = [i for i, row in enumerate(rows) if len(row[1])]
    if not some:
        nothing = np.zeros(0, int)
        return Samples(torch.zeros(0, 0), nothing, nothing, nothing > 0, nothing)
    features, labels, denied = zip(*(rows[i] for i in some))
    counts = [len(one) for one in labels]
    return Samples(
        torch.from_numpy(np.concatenate(features)),
        np.concatenate(labels),
        np.ones(sum(counts)),
        np.concatenate(denied),
        np.repeat(some, counts),
    )
