"""Show what each background score makes of stored activation maps.

    mmseg-weak sweep configs/sub_category/cam_….py CAMS [--masks MASKS]

CAMS is a folder of ``mmseg-weak label --cams``. The rows ``li`` and ``otsu`` are chosen
without ground truth; a row that is chosen by its mIoU is tuned on the masks.
"""

import argparse

from ._arguments import add_cfg_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument('config', help='its training set names the images')
    parser.add_argument('cams', help='folder of stored maps')
    parser.add_argument('--masks', help='folder of masks to score with')
    parser.add_argument('--thresholds', nargs='+', type=float, help='default 0.05 to 0.8')
    parser.add_argument('--out', help='JSON file for the rows')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    """Sweep and print."""

    from .._files import write_json
    from ..configs import read_config
    from ..labelling.sweep import format_sweep, sweep_thresholds

    config = read_config(args.config)
    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    rows = sweep_thresholds(config, args.cams, args.masks, args.thresholds)
    if args.out:
        write_json(args.out, rows)
    print(format_sweep(rows))
