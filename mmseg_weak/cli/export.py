"""Make a stock model of a trained one; of two branches, take out one.

``mmseg-weak export CONFIG work_dirs/…/iter_N.pth --out FOLDER``
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line."""
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='its checkpoint, or its folder')
    parser.add_argument('--out', required=True, help='folder for config.py, segmentor.pth')
    parser.add_argument(
        '--branch', help='such as cam of mutual promotion; default segmentation'
    )


def run(args: argparse.Namespace) -> None:
    """Export and say where."""

    from ..apis.export_segmentor import export_segmentor
    from ..configs import read_config

    config = read_config(args.config)
    paths = export_segmentor(config, args.checkpoint, args.out, args.branch)
    print(*paths, sep='\n')
