"""Take the segmentation branch out of a checkpoint of mutual promotion.

``python tools/export_segmentor.py configs/mutual_promotion/….py …/iter_N.pth --out folder``
"""

import argparse

from mmengine.config import Config

from mmseg_weak.apis import run_tool
from mmseg_weak.apis.export_segmentor import export_segmentor


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('--out', required=True, help='folder for config.py, segmentor.pth')
    return parser.parse_args()


def main() -> None:
    """Export and say where."""
    args = parse_args()
    paths = export_segmentor(Config.fromfile(args.config), args.checkpoint, args.out)
    print(*paths, sep='\n')


if __name__ == '__main__':
    run_tool(main)
