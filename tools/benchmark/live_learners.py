"""Learners that are compared by ``live.py``: the live model and a baseline.

The baseline is scikit-image's trainable segmenter: multi-scale colour, edge and texture
features of single pixels, random forest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from mmseg_weak._tensors import evenly_spread
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.evaluation.confusion import confusion_matrix
from mmseg_weak.live.cache import FeatureCache
from mmseg_weak.live.head import NUM_STANDARD, Samples, Standard
from mmseg_weak.live.model import LiveModel
from mmseg_weak.live.pyramid import sample_maps
from mmseg_weak.live.suggestion import Candidates
from mmseg_weak.prediction.photos import read_photo

TREES = 100
# Every second row and column: the forest takes four times as long for all pixels.
STRIDE = 2


@dataclass
class Images:
    """Photographs, masks and features by name."""

    root: Path
    table: np.ndarray
    cache: FeatureCache
    size: Callable
    masks: dict = field(default_factory=dict)

    def path(self, name: str) -> str:
        """The one image file of this name."""
        return str(next((self.root / 'JPEGImages').glob(f'{name}.*')))

    def mask(self, name: str) -> np.ndarray:
        """Class ids as trained, 255 ignored."""
        if name not in self.masks:
            file = self.root / 'SegmentationClass' / f'{name}.png'
            self.masks[name] = self.table[read_mask(file)]
        return self.masks[name]

    def names(self, split: str) -> list[str]:
        """Names of a list that have a mask, shuffled: neighbours often look alike."""
        file = self.root / 'ImageSets' / 'Segmentation' / f'{split}.txt'
        masks = self.root / 'SegmentationClass'
        names = [n for n in file.read_text().split() if (masks / f'{n}.png').is_file()]
        return np.random.default_rng(0).permutation(names).tolist()


@dataclass
class Clicks:
    """Where, in which image, what; places are shares of width and height."""

    images: list[int] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, image: int, place: np.ndarray, label: int) -> None:
        """One more."""
        self.images.append(image)
        self.places.append(place)
        self.labels.append(label)

    def __len__(self) -> int:
        return len(self.labels)


class LiveLearner:
    """Frozen features and the linear head."""

    def __init__(self, images: Images, names: list[str], classes: int, seed: int) -> None:
        self.images, self.names, self.classes = images, names, classes
        maps = [self.maps(names[i]) for i in evenly_spread(len(names), NUM_STANDARD)]
        self.model = LiveModel(Standard.measure(maps), classes, seed=seed)
        self.rows: list[torch.Tensor] = []

    def maps(self, name: str) -> list[np.ndarray]:
        """Features of an image."""
        return self.images.cache.get(self.images.path(name))

    def fit(self, clicks: Clicks) -> None:
        """Fit to all clicks."""
        for i in range(len(self.rows), len(clicks)):
            maps = self.maps(self.names[clicks.images[i]])
            self.rows.append(sample_maps(maps, clicks.places[i][None]))
        labels = np.array(clicks.labels)
        self.samples = Samples(
            torch.cat(self.rows),
            labels,
            np.ones(len(labels)),
            np.zeros(len(labels), bool),
            np.array(clicks.images),
        )
        self.model.fit(self.samples)

    def probabilities(self, name: str) -> torch.Tensor:
        """(C, H, W) of an image, as the page shows them."""
        image = read_photo(Path(self.images.path(name)))
        size = image.shape[:2]
        seen = self.images.size(*size)
        return self.model.probabilities(self.maps(name), image, seen, size)

    def confusion(self, name: str) -> np.ndarray:
        """Confusion matrix of an image."""
        found = self.probabilities(name).argmax(0).numpy()
        return confusion_matrix(self.images.mask(name), found, self.classes)

    def candidates(self, features: torch.Tensor, rng: np.random.Generator) -> Candidates:
        """What rules look at."""
        logits = self.model.logits(features)
        centre, factors = self.model.standard.mean, self.model.factors
        return Candidates(
            logits.softmax(1),
            (features - centre) * factors,
            (self.samples.features - centre) * factors,
            np.bincount(self.samples.labels, minlength=self.classes),
            rng,
        )


class ForestLearner:
    """scikit-image's trainable segmenter."""

    def __init__(self, images: Images, names: list[str], classes: int, seed: int) -> None:
        self.images, self.names, self.classes = images, names, classes
        self.forest = RandomForestClassifier(
            TREES, max_samples=None, max_depth=12, random_state=seed
        )
        self.rows: list[np.ndarray | None] = []
        self.seen: dict[str, np.ndarray] = {}

    def maps(self, name: str) -> np.ndarray:
        """Features of every pixel, (H, W, F)."""
        image = read_photo(Path(self.images.path(name)))
        return multiscale_basic_features(image, channel_axis=-1).astype(np.float32)

    def fit(self, clicks: Clicks) -> None:
        """Fit to all clicks."""
        new = range(len(self.rows), len(clicks))
        self.rows += [None] * len(new)
        for image in {clicks.images[i] for i in new}:
            maps = self.maps(self.names[image])
            for i in new:
                if clicks.images[i] == image:
                    x, y = (clicks.places[i] * maps.shape[1::-1]).astype(int)
                    self.rows[i] = maps[y, x]
        self.forest.fit(np.stack(self.rows), clicks.labels)

    def confusion(self, name: str) -> np.ndarray:
        """Confusion matrix of a part of the pixels of an image."""
        if name not in self.seen:
            self.seen[name] = self.maps(name)[::STRIDE, ::STRIDE]
        maps, mask = self.seen[name], self.images.mask(name)[::STRIDE, ::STRIDE]
        found = self.forest.predict(maps.reshape(-1, maps.shape[2])).reshape(mask.shape)
        return confusion_matrix(mask, found, self.classes)
