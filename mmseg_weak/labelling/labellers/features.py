"""A linear classifier of frozen features learns from clicks, or from labels that err."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from mmseg.structures import SegDataSample
from torch import Tensor

from ..._files import write_json
from ..._tensors import evenly_spread, rgb_pixels
from ...datasets.json_objects import read_object
from ...datasets.messages import warn
from ...datasets.pseudo_label_folder import MANIFEST, PseudoLabelFolder
from ...engine.console import tracked
from ...live.head import NUM_STANDARD, Standard
from ...live.model import LiveModel
from ...live.pyramid import FrozenPyramid
from ...registry import LABELLERS
from ..pool import map_images
from ..sources import LabelSource
from .background_share import NUM_IMAGES as NUM_PROBED
from .background_share import BackgroundProbe, matching_prior
from .base import Labeller
from .feature_samples import (
    FeatureSampler,
    ImageSamples,
    absent_classes,
    joined,
    load,
    spread_over_classes,
)
from .segmentor import SegmentorLabeller

if TYPE_CHECKING:
    from ..job import Job

# Images that the classifier learns from, evenly spread; and one more of a class that none
# of them shows.
NUM_IMAGES = 2000
# Labels of a network err more often than people: a larger ridge lets single ones count
# less.
RIDGE, RIDGE_OF_LABELS = 1e-3, 1e-2
PRIOR_FILE = 'background_prior.json'


@LABELLERS.register_module(name=['features', 'FeatureLabeller'])
@dataclass
class FeatureLabeller(SegmentorLabeller):
    """The live model of the page for a data set; docs/pseudo_labels.md, "Features".

    Features of a frozen ImageNet network at five depths, one linear classifier of all
    clicks, pixel-adaptive refinement. Nothing is trained first. Segmentors may be further
    peers: all are fused, restricted and refined as labels of segmentors. In place of clicks
    it learns from labels, such as those of activation maps: what they have wrong in one
    image is outvoted by the others.

    Attributes:
        learn_from (str, optional): Label folder to learn from, of some or all images;
            clicks are then written on top and teach nothing.
        background_prior (float, optional): Factor > 0 on the background odds. Unless given
            1 with clicks; with ``learn_from`` what gives background as many pixels as it
            has in those labels.
        features_long_side (int): Pixels of the long side at which the frozen network sees
            an image, >= 32.

    Raises:
        ValueError: An option is out of its range.
    """

    learn_from: str | None = None
    background_prior: float | None = None
    features_long_side: int = 512

    makes: ClassVar[str] = 'labels by features'
    reads: ClassVar[tuple[str, ...]] = ('learn_from',)

    def __post_init__(self) -> None:
        Labeller.__post_init__(self)  # other peers are welcome, not needed
        if self.features_long_side < 32:
            raise ValueError(
                f'features_long_side must be >= 32, got {self.features_long_side}'
            )
        self.found_prior = 1.0
        self.rule()
        self._build_refinement()

    @property
    def prior(self) -> float:
        """Factor on the background odds, as given or as found."""
        given = self.background_prior
        return self.found_prior if given is None else given

    def settings(self) -> dict[str, Any]:
        """Options, with the frozen network by its weights and labels by their bytes.

        Raises:
            FileNotFoundError: The weights or the folder are absent.
        """
        settings = dict(super().settings(), features=self.pyramid('cpu').digest)
        if self.learn_from is None:  # as in earlier label folders
            del settings['learn_from']
            return dict(settings, background_prior=self.prior)
        folder = Path(self.learn_from)
        return dict(settings, learn_from=[folder.name, _digest(folder)])

    def pyramid(self, device: str) -> FrozenPyramid:
        """The frozen network, the same each time in a process."""
        return _pyramid(self.features_long_side, device)

    def prepare(self, job: 'Job') -> None:
        """Fit the classifier to all clicks, or to the labels.

        Raises:
            FileNotFoundError, ValueError: The labels do not suit the images; or a data set
                has no clicks, or none of them names a class.
        """
        super().prepare(job)
        if self.learn_from is None:
            job.source.require_clicks(self.makes, ' or the option learn_from')
        self.model, self.found_prior = job.ranks.first(lambda: self._fit(job))

    def _fit(self, job: 'Job') -> tuple[LiveModel | None, float]:
        """Classifier and background prior, in one rank; none if no label is missing."""
        if not job.missing():
            return None, 1.0
        device, source = job.ranks.device(job.device), job.source
        teachers = self._teachers(source)
        pyramid, scale = self.pyramid(device), evenly_spread(len(source), NUM_STANDARD)
        standard = Standard.measure([pyramid(load(source, i)[1]) for i in scale])
        chosen = spread_over_classes(teachers, source, NUM_IMAGES)
        found = map_images(FeatureSampler, (self, source, device), chosen, job.workers)
        learns = self.learn_from is not None
        title = 'features of labels' if learns else 'features of clicks'
        rows = list(tracked(found, title, len(chosen)))
        samples = joined(rows)
        if learns:
            self._check_labels(rows, source)
        elif samples.denied.all():
            raise ValueError(
                f'{self.makes} need clicks that name a class, and there is none'
            )
        ridge = RIDGE_OF_LABELS if learns else RIDGE
        model = LiveModel(
            standard, len(source.classes), ridge, background=source.background
        )
        model.fit(samples)
        if not learns or self.background_prior is not None or source.background is None:
            return model, 1.0
        self.model = model
        some = [teachers[i] for i in evenly_spread(len(teachers), NUM_PROBED)]
        found = map_images(BackgroundProbe, (self, source, device), some, job.workers)
        prior = matching_prior(
            np.stack(list(tracked(found, 'background prior', len(some))))
        )
        write_json(job.folder.path / PRIOR_FILE, dict(background_prior=prior))
        return model, prior

    def _teachers(self, source: LabelSource) -> list[int]:
        """Positions of the images that teach.

        Raises:
            FileNotFoundError, ValueError: The folder does not suit the images.
        """
        if self.learn_from is None:  # few may be clicked among many that are not
            return [i for i in range(len(source)) if len(source.info(i)['click_labels'])]
        folder = PseudoLabelFolder(self.learn_from)
        try:
            kept = set(folder.check(source.images, source.classes, drop=True))
        except (FileNotFoundError, ValueError) as error:
            raise type(error)(f'learn_from: {error}') from None
        return [i for i, image in enumerate(source.images) if image in kept]

    def _check_labels(self, rows: Sequence[ImageSamples], source: LabelSource) -> None:
        """Refuse labels of nothing, and say which class they lack.

        Raises:
            ValueError: No pixel, or nothing but background is labelled.
        """
        seen = {label for row in rows for label in row.labels.tolist()}
        if not seen - {source.background}:
            what = 'nothing but background' if seen else 'no pixel'
            raise ValueError(f'learn_from: {self.learn_from} labels {what} in these images')
        absent = absent_classes(rows, source.background)
        names = ', '.join(f'{source.classes[c]} ({n} images)' for c, n in absent.items())
        if names:
            warn(f'{self.learn_from} labels no pixel of {names}; neither will these labels')

    def finish(self, job: 'Job') -> dict[str, Any]:
        """Tell the background prior that was found."""
        sought = self.learn_from is not None and job.source.background is not None
        if not sought or self.background_prior is not None:
            return {}  # a file there would be of labels that were replaced
        path = job.folder.path / PRIOR_FILE
        return read_object(path) if path.is_file() else {}

    def start(self, source: LabelSource, device: str) -> None:
        """Load the networks."""
        super().start(source, device)
        self._pyramid = self.pyramid(device)

    def with_priors(self, index: int, priors: Sequence[float]) -> Iterator[np.ndarray]:
        """Labels (H, W) of an image with each of several background priors."""
        sample, image = self._source[index]
        image = image.to(self._device)
        probs = self._probabilities(sample, image)
        for self.found_prior in priors:
            yield self._decide(sample, image, probs)

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


def _digest(folder: Path) -> str:
    """Hash of the labels of a folder, by their manifest and their bytes.

    Raises:
        FileNotFoundError: It is no folder of labels.
    """
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(
            f'learn_from: {folder} is no label folder, there is no {MANIFEST} in it; '
            'mmseg-weak label writes one'
        )
    data = hashlib.sha256((folder / MANIFEST).read_bytes())
    for file in sorted(folder.rglob('*.png')):
        data.update(str(file.relative_to(folder)).encode())
        data.update(file.read_bytes())
    return data.hexdigest()
