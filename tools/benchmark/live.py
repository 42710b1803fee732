"""Quality of live sessions against the number of clicks, for every rule and a baseline.

``python tools/benchmark/live.py data/msrc21 --classes building grass … --out live.json``

A simulated person clicks where a rule asks and reads the answer from the training mask.
Scored on the images of ``--score-list``. The baseline is scikit-image's trainable
segmenter: multi-scale colour, edge and texture features of single pixels, random forest.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier
from torch.nn.functional import interpolate

from mmseg_weak._files import write_json
from mmseg_weak.constants import IGNORE_INDEX
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.evaluation.confusion import class_iou, confusion_matrix
from mmseg_weak.live import RULES, FrozenPyramid
from mmseg_weak.live.cache import FeatureCache
from mmseg_weak.live.head import Samples, Standard
from mmseg_weak.live.model import LiveModel, follow_colours
from mmseg_weak.live.pyramid import sample_maps
from mmseg_weak.live.suggestion import Candidates
from mmseg_weak.prediction.photos import read_photo

BASELINE = 'forest'
# Of the places proposed in an image, and of new clicks before the model is fitted anew.
PLACES, GROWTH = 48, 0.1
TREES = 100


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
        """Names of a list, shuffled: neighbours in a list often show the same things."""
        file = self.root / 'ImageSets' / 'Segmentation' / f'{split}.txt'
        names = file.read_text().split()
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


class LiveLearner:
    """Frozen features and the linear head."""

    def __init__(self, images: Images, names: list[str], classes: int, seed: int) -> None:
        self.images, self.names, self.classes = images, names, classes
        chosen = np.linspace(0, len(names) - 1, 8).round().astype(int)
        maps = [self.maps(names[i]) for i in chosen]
        self.model = LiveModel(Standard.measure(maps), classes, seed=seed)
        self.rows: list[torch.Tensor] = []

    def maps(self, name: str) -> list[np.ndarray]:
        """Features of an image."""
        return self.images.cache.get(self.images.path(name))

    def fit(self, clicks: Clicks) -> None:
        """Fit to all clicks."""
        for i in range(len(self.rows), len(clicks.labels)):
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
        self.absent = [c for c in range(self.classes) if c not in clicks.labels]
        self.model.fit(self.samples)

    def predict(self, name: str) -> np.ndarray:
        """Class ids of an image."""
        image, shape = (
            read_photo(Path(self.images.path(name))),
            self.images.mask(name).shape,
        )
        logits = self.model.map_logits(self.maps(name), self.images.size(*shape))
        logits[self.absent] = -torch.inf
        probs = follow_colours(image, logits.softmax(0))[None]
        return interpolate(probs, shape, mode='bilinear')[0].argmax(0).numpy()

    def candidates(self, features: torch.Tensor, rng: np.random.Generator) -> Candidates:
        """What rules look at."""
        logits = self.model.logits(features)
        logits[:, self.absent] = -torch.inf
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

    def __init__(self, images: Images, names: list[str], seed: int) -> None:
        self.images, self.names = images, names
        self.forest = RandomForestClassifier(
            TREES, max_samples=None, max_depth=12, random_state=seed
        )
        self.rows: list[np.ndarray] = []
        self.seen: dict[str, np.ndarray] = {}

    def maps(self, name: str) -> np.ndarray:
        """Features of every pixel, (H, W, F)."""
        if name not in self.seen:
            image = read_photo(Path(self.images.path(name)))
            maps = multiscale_basic_features(image, channel_axis=-1)
            self.seen = {name: maps.astype(np.float32)}
        return self.seen[name]

    def fit(self, clicks: Clicks) -> None:
        """Fit to all clicks."""
        for i in range(len(self.rows), len(clicks.labels)):
            maps = self.maps(self.names[clicks.images[i]])
            x, y = (clicks.places[i] * maps.shape[1::-1]).astype(int)
            self.rows.append(maps[y, x])
        self.forest.fit(np.stack(self.rows), clicks.labels)

    def predict(self, name: str) -> np.ndarray:
        """Class ids of an image."""
        maps = self.maps(name)
        flat = self.forest.predict(maps.reshape(-1, maps.shape[2]))
        return flat.reshape(maps.shape[:2])


def first_clicks(images: Images, names: list[str], seed: int, classes: int) -> Clicks:
    """One click of each class, at random places."""
    rng = np.random.default_rng(seed)
    clicks, missing = Clicks(), set(range(classes))
    for i in rng.permutation(len(names)):
        mask = images.mask(names[i])
        for c in sorted(missing & set(np.unique(mask).tolist())):
            rows, columns = np.nonzero(mask == c)
            j = rng.integers(len(rows))
            place = (np.array([columns[j], rows[j]]) + 0.5) / mask.shape[::-1]
            clicks.add(int(i), place, int(c))
            missing.discard(c)
    return clicks


def ask(images: Images, names: list[str], clicks: Clicks, count: int, scores, rng) -> None:
    """Add the answers at the best places, one image at most once a round.

    Args:
        scores (Callable): Names and places to scores.
    """
    chosen = rng.choice(len(names), min(len(names), max(60, 3 * count)), replace=False)
    places = rng.random((len(chosen), PLACES, 2))
    values = scores([names[i] for i in chosen], places).reshape(len(chosen), PLACES)
    for row in np.argsort(-values.max(1), kind='stable'):
        if count == 0:
            return
        name, place = names[chosen[row]], places[row, values[row].argmax()]
        mask = images.mask(name)
        x, y = (place * mask.shape[::-1]).astype(int)
        if mask[y, x] != IGNORE_INDEX:  # a person would not click there
            clicks.add(int(chosen[row]), place, int(mask[y, x]))
            count -= 1


def curve(images: Images, args: argparse.Namespace, rule: str, seed: int) -> dict:
    """mIoU at each budget."""
    names = images.names(args.click_list)[args.skip :][: args.images]
    scored = images.names(args.score_list)[: args.scored]
    classes = len(args.classes)
    rng = np.random.default_rng(seed)
    clicks = first_clicks(images, names, seed, classes)
    learner = (
        ForestLearner(images, names, seed)
        if rule == BASELINE
        else LiveLearner(images, names, classes, seed)
    )

    def scores(chosen: list[str], places: np.ndarray) -> np.ndarray:
        if rule in (BASELINE, 'random'):
            return rng.random(places.shape[:2])
        features = [sample_maps(learner.maps(n), p) for n, p in zip(chosen, places)]
        return RULES[rule](learner.candidates(torch.cat(features), rng))

    result = {}
    for budget in args.budgets:
        while len(clicks.labels) < budget:
            count = max(1, int(GROWTH * len(clicks.labels)))
            count = min(count, budget - len(clicks.labels))
            if rule not in (BASELINE, 'random'):
                learner.fit(clicks)
            ask(images, names, clicks, count, scores, rng)
        learner.fit(clicks)
        confusion = sum(
            confusion_matrix(images.mask(name), learner.predict(name), classes)
            for name in scored
        )
        result[budget] = float(np.nanmean(class_iou(confusion)))
    return result


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', type=Path, help='JPEGImages, SegmentationClass, ImageSets')
    parser.add_argument('--classes', nargs='+', required=True)
    parser.add_argument('--ids', nargs='+', type=int, help='of the classes in the masks')
    parser.add_argument('--rules', nargs='+', default=[*RULES, BASELINE])
    parser.add_argument('--budgets', nargs='+', type=int, default=[25, 50, 100, 200, 400])
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--click-list', default='train')
    parser.add_argument('--score-list', default='dev')
    parser.add_argument('--images', type=int, default=300, help='that may be clicked')
    parser.add_argument('--skip', type=int, default=0, help='images of the list')
    parser.add_argument('--scored', type=int, default=100, help='images that are scored')
    parser.add_argument('--cache', type=Path, default=Path('work_dirs/live_features'))
    parser.add_argument('--out', type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Measure what is not measured yet; the result grows curve by curve."""
    args = parse_args()
    table = np.full(256, IGNORE_INDEX)
    table[args.ids or range(len(args.classes))] = range(len(args.classes))
    pyramid = FrozenPyramid()
    cache = FeatureCache(
        args.cache, lambda path: pyramid(read_photo(Path(path))), pyramid.digest
    )
    images = Images(args.root, table, cache, pyramid.size)
    results = json.loads(args.out.read_text()) if args.out.is_file() else {}
    for seed in args.seeds:
        for rule in args.rules:
            key = f'{rule}/{seed}'
            if key not in results:
                results[key] = curve(images, args, rule, seed)
                write_json(args.out, results)
                text = ', '.join(f'{b}: {v:.1f}' for b, v in results[key].items())
                print(f'{args.root.name} {rule} seed {seed}: {text}', flush=True)


if __name__ == '__main__':
    main()
