"""Make a stock model of a trained one; of mutual promotion, take out one branch.

``python tools/export_segmentor.py configs/mutual_promotion/….py …/iter_N.pth --out folder``
"""

import argparse

from mmengine.config import Config

from mmseg_weak.apis import run_tool
from mmseg_weak.apis.export_segmentor import EXPORTED, export_segmentor


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('--out', required=True, help='folder for config.py, segmentor.pth')
    parser.add_argument('--branch', choices=EXPORTED, default='segmentation')
    return parser.parse_args()


def main() -> None:
    """Export and say where."""
    args = parse_args()
    config = Config.fromfile(args.config)
    paths = export_segmentor(config, args.checkpoint, args.out, args.branch)
    print(*paths, sep='\n')


if __name__ == '__main__':
    run_tool(main)
