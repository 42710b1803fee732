"""Quality of live sessions against the number of clicks, for every rule and a baseline.

``python tools/benchmark/live.py data/msrc21 --classes building grass … --out live.json``

A simulated person clicks where a rule asks and reads the answer from the training mask.
Scored on the images of ``--score-list``. ``live_network.py`` trains the full network on
the same clicks, ``live_report.py`` draws both.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from live_learners import Clicks, ForestLearner, Images, LiveLearner

from mmseg_weak._files import write_json
from mmseg_weak.constants import IGNORE_INDEX
from mmseg_weak.evaluation.confusion import class_iou
from mmseg_weak.live import RULES, FrozenPyramid
from mmseg_weak.live.cache import FeatureCache
from mmseg_weak.live.pyramid import sample_maps
from mmseg_weak.prediction.photos import read_photo

BASELINE = 'forest'
# Places of an image that may be clicked, how many are looked at in a round, and new clicks
# before the model is fitted anew, as a share of those there are.
POOL, PLACES, GROWTH = 192, 48, 0.1
MEMORY = 2 << 30


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


def real_clicks(images: Images, names: list[str], file: Path, count: int) -> Clicks:
    """The first clicks of people: all of rank 1, then all of rank 2 and so on."""
    entries = json.loads(file.read_text())
    ranked = [(e.get('rank', 1), n, e) for n in names for e in entries.get(n, ())]
    ranked.sort(key=lambda entry: entry[0])
    clicks = Clicks()
    for _, name, entry in ranked[:count]:
        size = images.mask(name).shape[::-1]
        place = np.clip(np.array([entry['x'], entry['y']]) / size, 0, 1 - 1e-6)
        clicks.add(names.index(name), place, int(images.table[entry['cls']]))
    return clicks


class Pool:
    """Places of all images that may be clicked, with their features.

    Args:
        images, names: Photographs and which of them.
        seed (int): Of the places.
        learner: Maps of an image; None for rules that draw.
    """

    def __init__(
        self, images: Images, names: list[str], seed: int, learner: LiveLearner | None
    ) -> None:
        self.images, self.names = images, names
        rng = np.random.default_rng([seed, 1])
        self.places = rng.random((len(names), POOL, 2))
        self.features = None
        if learner is not None:
            rows = [sample_maps(learner.maps(n), p) for n, p in zip(names, self.places)]
            self.features = torch.stack(rows).half()

    def ask(self, clicks: Clicks, count: int, score: Callable, rng) -> None:
        """Add the answers at the best places, one an image and round at most.

        Args:
            clicks (Clicks): Grows by ``count``.
            count (int): At least one.
            score (Callable): Features (n, D), or their number without, to n scores.
            rng (np.random.Generator): Of the images and places looked at.
        """
        images = rng.choice(
            len(self.names), min(len(self.names), max(60, 3 * count)), replace=False
        )
        seen = rng.permuted(np.tile(np.arange(POOL), (len(images), 1)), axis=1)[:, :PLACES]
        if self.features is None:
            values = score(seen.size)
        else:
            values = score(self.features[images[:, None], seen].flatten(0, 1).float())
        values = np.asarray(values).reshape(seen.shape)
        for row in np.argsort(-values.max(1), kind='stable'):
            place = self.places[images[row], seen[row, values[row].argmax()]]
            mask = self.images.mask(self.names[images[row]])
            x, y = (place * mask.shape[::-1]).astype(int)
            if mask[y, x] != IGNORE_INDEX:  # a person would not click there
                clicks.add(int(images[row]), place, int(mask[y, x]))
                count -= 1
            if count == 0:
                return


def curve(images: Images, args: argparse.Namespace, rule: str, seed: int) -> dict:
    """mIoU at each budget, and the clicks."""
    names = images.names(args.click_list)[args.skip :][: args.images]
    scored = images.names(args.score_list)[: args.scored]
    classes = len(args.classes)
    clicks = (
        real_clicks(images, names, args.first, args.budgets[0])
        if args.first
        else first_clicks(images, names, seed, classes)
    )
    learner = (ForestLearner if rule == BASELINE else LiveLearner)(
        images, names, classes, seed
    )
    rng = np.random.default_rng(seed)
    draws = rule in (BASELINE, 'random')
    pool = Pool(images, names, seed, None if draws else learner)

    def score(features) -> np.ndarray:
        return (
            rng.random(features)
            if draws
            else RULES[rule](learner.candidates(features, rng))
        )

    result = {}
    for budget in args.budgets:
        while len(clicks) < budget:
            count = min(max(1, int(GROWTH * len(clicks))), budget - len(clicks))
            if not draws:
                learner.fit(clicks)
            pool.ask(clicks, count, score, rng)
        learner.fit(clicks)
        confusion = sum(learner.confusion(name) for name in scored)
        result[budget] = float(np.nanmean(class_iou(confusion)))
    return dict(miou=result, clicks=listed(images, names, clicks))


def listed(images: Images, names: list[str], clicks: Clicks) -> list[list]:
    """Image id, x and y in pixels and class index of each click, in their order."""
    rows = []
    for image, place, label in zip(clicks.images, clicks.places, clicks.labels):
        x, y = place * images.mask(names[image]).shape[::-1]
        rows.append([names[image], round(float(x), 2), round(float(y), 2), label])
    return rows


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', type=Path, help='JPEGImages, SegmentationClass, ImageSets')
    parser.add_argument('--classes', nargs='+', required=True)
    parser.add_argument('--ids', nargs='+', type=int, help='of the classes in the masks')
    parser.add_argument('--rules', nargs='+', default=[*RULES, BASELINE])
    parser.add_argument('--budgets', nargs='+', type=int, default=[25, 50, 100, 200, 400])
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--first', type=Path, help='JSON of clicks that people set first')
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
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[args.ids or range(len(args.classes))] = range(len(args.classes))
    pyramid = FrozenPyramid()
    cache = FeatureCache(
        args.cache,
        lambda path: pyramid(read_photo(Path(path))),
        pyramid.digest,
        max_memory=MEMORY,
    )
    images = Images(args.root, table, cache, pyramid.size)
    results = json.loads(args.out.read_text()) if args.out.is_file() else {}
    for seed in args.seeds:
        for rule in args.rules:
            key = f'{rule}/{seed}'
            if key not in results:
                results[key] = curve(images, args, rule, seed)
                write_json(args.out, results)
                found = results[key]['miou']
                text = ', '.join(f'{b}: {v:.1f}' for b, v in found.items())
                print(f'{args.root.name} {rule} seed {seed}: {text}', flush=True)


if __name__ == '__main__':
    main()
