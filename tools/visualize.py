"""Show what a checkpoint predicts beside clicks or masks: PNG panels and one HTML report.

``python tools/visualize.py configs/seminar/….py work_dirs/…/iter_600.pth --split train``
"""

import argparse

from mmseg_weak.apis import load_config, run_tool
from mmseg_weak.apis.cfg_options import MergedDictAction
from mmseg_weak.apis.visualize import SPLITS, VisualizeOptions, visualize


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint; teacher and student if it has both')
    parser.add_argument('--teacher', help='another checkpoint to show as the teacher')
    parser.add_argument('--out', required=True, help='folder for panels and report.html')
    parser.add_argument('--split', choices=SPLITS, default='val', help='default val')
    parser.add_argument('--num-images', type=int, default=12, help='drawn at random')
    parser.add_argument('--images', nargs='+', default=(), help='ids to show instead')
    parser.add_argument('--seed', type=int, default=0, help='of the draw')
    parser.add_argument('--device', default='cpu', help='such as cuda:0; default cpu')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=MergedDictAction,
        help='overrides, key.sub_key=value',
    )
    return parser.parse_args()


def main() -> None:
    """Draw."""
    args = vars(parse_args())
    config = load_config(args.pop('config'), args['out'], args.pop('cfg_options'))
    checkpoint = args.pop('checkpoint')
    print(visualize(config, checkpoint, VisualizeOptions(**args)))


if __name__ == '__main__':
    run_tool(main)
