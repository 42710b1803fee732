"""The full network, trained on a live session at some of its lengths.

``python tools/benchmark/live_network.py live.json --at 50 200 --labels labels_….py``

``live.json`` is what ``live.py`` wrote. ``--clicks`` is a config that learns from clicks
alone; ``--labels`` one that learns from label maps: it gets what the live model is sure of,
and the clicks, in the photographs that could be clicked. Each training starts anew from
ImageNet and scores its last checkpoint on the validation images of the config. mIoU goes
into the same file, as ``network`` and ``distilled``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from live_learners import Clicks, Images, LiveLearner
from mmengine.config import Config

from mmseg_weak._files import write_json
from mmseg_weak.datasets.click_formats import write_clicks
from mmseg_weak.datasets.mask_files import write_mask
from mmseg_weak.live import FrozenPyramid
from mmseg_weak.live.cache import FeatureCache
from mmseg_weak.live.journal import Click
from mmseg_weak.live.labels import SURE, sure_labels
from mmseg_weak.prediction.photos import read_photo
from mmseg_weak.visualization.palette import distinct_palette

TRAIN = Path(__file__).parents[1] / 'train.py'
DATASET = 'train_dataloader.dataset'
KINDS = dict(clicks='network', labels='distilled')  # option to entry of the results


def train(args: argparse.Namespace, kind: str, key: str, clicks: list[list]) -> float:
    """mIoU of a network trained on the clicks, or on what they taught the live model."""
    rule, seed = key.split('/')
    name = f'{rule}-{seed}-{len(clicks)}'
    name += f'-{kind}-{args.sure}' if kind == 'labels' else ''
    work = (args.work_dir / args.results.stem / name).resolve()
    work.mkdir(parents=True, exist_ok=True)
    if kind == 'clicks':
        source = [f'{DATASET}.click_file={click_file(args, clicks, work)}']
    else:
        label(args, clicks, int(seed), work / 'labels')
        source = [f'{DATASET}.pseudo_label_dir={work / "labels"}']
    options = [
        *source,
        f'train_cfg.max_iters={args.iterations}',
        f'train_cfg.val_interval={args.iterations}',
        f'param_scheduler.1.end={args.iterations}',
        *args.options,
    ]
    config = getattr(args, kind)
    if 'background_click_file' in Config.fromfile(config).train_dataloader.dataset:
        options.append(f'{DATASET}.background_click_file=None')  # nobody set these clicks
    command = [sys.executable, TRAIN, config, '--work-dir', work, '--seed', seed]
    subprocess.run([*command, '--cfg-options', *options], check=True)
    return last_score(work)


def click_file(args: argparse.Namespace, clicks: list[list], work: Path) -> Path:
    """Clicks as a data set reads them."""
    entries: dict[str, list] = {}
    for rank, (image, x, y, label) in enumerate(clicks, 1):
        click = dict(x=x, y=y, cls=(args.ids or range(256))[label], rank=rank)
        entries.setdefault(image, []).append(click)
    write_clicks(work / 'clicks.json', entries)
    return work / 'clicks.json'


def label(args: argparse.Namespace, clicks: list[list], seed: int, folder: Path) -> None:
    """Labels of the photographs that could be clicked, by the live model of the clicks."""
    config = Config.fromfile(args.labels)
    classes, pyramid = config.metainfo.classes, FrozenPyramid()
    cache = FeatureCache(
        args.cache, lambda path: pyramid(read_photo(Path(path))), pyramid.digest
    )
    root = Path(args.root or config.data_root)
    images = Images(root, np.arange(256), cache, pyramid.size)
    names = images.names(args.click_list)[args.skip :][: args.images]
    learner, seen, marks = LiveLearner(images, names, len(classes), seed), Clicks(), {}
    for number, (image, x, y, label) in enumerate(clicks):
        place = np.array([x, y]) / images.mask(image).shape[::-1]
        seen.add(names.index(image), place, label)
        click = Click(number, image, ((x, y),), classes[label])
        marks.setdefault(image, []).append(click)
    learner.fit(seen)
    for name in names:
        probs = learner.probabilities(name)
        labels = sure_labels(probs, marks.get(name, ()), classes, args.sure)
        folder.mkdir(exist_ok=True)
        write_mask(folder / f'{name}.png', labels, distinct_palette(classes))
    manifest = dict(classes=list(classes), made_by='the live model')
    write_json(folder / 'manifest.json', manifest)


def last_score(work: Path) -> float:
    """mIoU of the last validation of a training."""
    found = None
    for file in sorted(work.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            found = json.loads(line).get('mIoU', found)
    if found is None:
        raise ValueError(f'{work}: the training has no validation')
    return found


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('results', type=Path, help='JSON of live.py')
    parser.add_argument('--clicks', help='config that learns from clicks')
    parser.add_argument('--labels', help='config that learns from label maps')
    parser.add_argument('--at', nargs='+', type=int, required=True, help='clicks')
    parser.add_argument('--ids', nargs='+', type=int, help='of the classes in click files')
    parser.add_argument('--rule', default='balanced_margin')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--iterations', type=int, default=600)
    parser.add_argument('--sure', type=float, default=SURE, help='least probability')
    parser.add_argument('--options', nargs='+', default=[], help='more --cfg-options')
    parser.add_argument('--root', help='of the photographs; default as the config says')
    parser.add_argument('--click-list', default='train', help='as for live.py')
    parser.add_argument('--images', type=int, default=300, help='as for live.py')
    parser.add_argument('--skip', type=int, default=0, help='as for live.py')
    parser.add_argument('--cache', type=Path, default=Path('work_dirs/live_features'))
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/live_networks'))
    return parser.parse_args()


def main() -> None:
    """Train what is not trained yet."""
    args = parse_args()
    kinds = [kind for kind in KINDS if getattr(args, kind)]
    for seed in args.seeds:
        for count in args.at:
            for kind in kinds:
                measure(args, kind, f'{args.rule}/{seed}', count)


def measure(args: argparse.Namespace, kind: str, key: str, count: int) -> None:
    """One training, unless it is in the results."""
    results = json.loads(args.results.read_text())
    networks = results[key].setdefault(KINDS[kind], {})
    if str(count) in networks:
        return
    clicks = results[key]['clicks'][:count]
    if len(clicks) < count:
        raise ValueError(f'{args.results}: {key} has {len(clicks)} clicks')
    score = networks[str(count)] = train(args, kind, key, clicks)
    write_json(args.results, results)
    print(f'{args.results.stem} {key}, {count} clicks, {KINDS[kind]}: {score}', flush=True)


if __name__ == '__main__':
    main()
