"""Show labels, and what a checkpoint predicts: PNG panels and one HTML report.

``mmseg-weak show CONFIG --out FOLDER`` shows the training images with their clicks, tags
or pseudo-labels before anything is trained;
``mmseg-weak show CONFIG work_dirs/…/iter_N.pth --out FOLDER`` shows predictions too.
"""

import argparse

from ._arguments import add_cfg_options

SPLITS = ('train', 'val', 'test')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line."""
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='teacher and student are shown if it has both; without one labels alone',
    )
    parser.add_argument('--teacher', help='another checkpoint to show as the teacher')
    parser.add_argument('--out', required=True, help='folder for panels and report.html')
    parser.add_argument(
        '--split',
        choices=SPLITS,
        help='default val with a checkpoint, train without',
    )
    parser.add_argument('--num-images', type=int, default=12, help='drawn at random')
    parser.add_argument('--images', nargs='+', default=(), help='ids to show instead')
    parser.add_argument('--seed', type=int, default=0, help='of the draw')
    parser.add_argument('--device', default='cpu', help='such as cuda:0; default cpu')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    """Draw."""
    from ..apis.launch import load_config
    from ..apis.visualize import VisualizeOptions, visualize

    config = load_config(args.config, args.out, args.cfg_options)
    names = ('out', 'teacher', 'num_images', 'images', 'seed', 'device')
    options = {name: getattr(args, name) for name in names}
    split = args.split or ('val' if args.checkpoint else 'train')
    print(visualize(config, args.checkpoint, VisualizeOptions(split=split, **options)))
