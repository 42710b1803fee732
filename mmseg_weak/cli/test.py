"""Test a checkpoint.

``mmseg-weak test CONFIG work_dirs/…``
"""

import argparse

from ._arguments import add_cfg_options, add_launcher, add_verbose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line."""
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint, or the folder of a training')
    parser.add_argument('--work-dir', help='folder for the log')
    parser.add_argument('--out', help='folder for the predicted label maps (PNG)')
    parser.add_argument('--metrics-out', help='JSON file for the metrics')
    parser.add_argument('--show-dir', help='folder for painted predictions')
    parser.add_argument('--tta', action='store_true', help='several scales and flip')
    add_verbose(parser)
    add_cfg_options(parser)
    add_launcher(parser)


def run(args: argparse.Namespace) -> None:
    """Test."""
    from mmengine.dist import is_main_process

    from .._files import write_json
    from ..apis.launch import load_config
    from ..apis.testing import test

    config = load_config(args.config, args.work_dir, args.cfg_options, args.launcher)
    metrics = test(config, args.checkpoint, args.out, args.show_dir, args.tta, args.verbose)
    if args.metrics_out and is_main_process():
        write_json(args.metrics_out, metrics)
