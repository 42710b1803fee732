"""The full network, trained on the clicks of a live session at some of its lengths.

``python tools/benchmark/live_network.py live.json configs/seminar/pce_….py --at 50 200``

``live.json`` is what ``live.py`` wrote. Each training starts anew from ImageNet and scores
its last checkpoint on the validation images of the config. mIoU goes into the same file.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mmseg_weak._files import write_json
from mmseg_weak.datasets.click_formats import write_clicks

TRAIN = Path(__file__).parents[1] / 'train.py'


def train(args: argparse.Namespace, key: str, clicks: list[list], count: int) -> float:
    """mIoU of a network trained on the first clicks."""
    rule, seed = key.split('/')
    work = args.work_dir / args.results.stem / f'{rule}-{seed}-{count}'
    work.mkdir(parents=True, exist_ok=True)
    entries: dict[str, list] = {}
    for rank, (image, x, y, label) in enumerate(clicks[:count], 1):
        click = dict(x=x, y=y, cls=(args.ids or range(256))[label], rank=rank)
        entries.setdefault(image, []).append(click)
    file = (work / 'clicks.json').resolve()
    write_clicks(file, entries)
    options = [
        f'train_dataloader.dataset.click_file={file}',
        f'train_cfg.max_iters={args.iterations}',
        f'train_cfg.val_interval={args.iterations}',
        f'param_scheduler.1.end={args.iterations}',
    ]
    command = [sys.executable, TRAIN, args.config, '--work-dir', work, '--seed', seed]
    subprocess.run([*command, '--cfg-options', *options], check=True)
    return last_score(work)


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
    parser.add_argument('config', help='training from clicks')
    parser.add_argument('--at', nargs='+', type=int, required=True, help='clicks')
    parser.add_argument('--ids', nargs='+', type=int, help='of the classes in click files')
    parser.add_argument('--rule', default='balanced_margin')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--iterations', type=int, default=600)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/live_networks'))
    return parser.parse_args()


def main() -> None:
    """Train what is not trained yet."""
    args = parse_args()
    for seed in args.seeds:
        for count in args.at:
            results = json.loads(args.results.read_text())
            key = f'{args.rule}/{seed}'
            networks = results[key].setdefault('network', {})
            if str(count) not in networks:
                clicks = results[key]['clicks']
                if len(clicks) < count:
                    raise ValueError(f'{args.results}: {key} has {len(clicks)} clicks')
                networks[str(count)] = train(args, key, clicks, count)
                write_json(args.results, results)
                print(f'{args.results.stem} {key}, {count} clicks: {networks[str(count)]}')


if __name__ == '__main__':
    main()
