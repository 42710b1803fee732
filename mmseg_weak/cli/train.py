"""Train a config.

``mmseg-weak train CONFIG``; with several GPUs ``torchrun --nproc_per_node=N -m mmseg_weak
train CONFIG --launcher pytorch``.
"""

import argparse
import sys

from ._arguments import add_cfg_options, add_launcher, add_verbose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line."""
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from a checkpoint; without a value from the newest of the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (GPU)')
    parser.add_argument('--seed', type=int, help='random seed; also written to the config')
    add_verbose(parser)
    add_cfg_options(parser)
    add_launcher(parser)


def run(args: argparse.Namespace) -> None:
    """Train."""
    from mmengine.dist import is_main_process

    from ..apis.launch import load_config
    from ..apis.prediction import command_for
    from ..apis.training import train
    from ..checkpoints import find_checkpoint

    config = load_config(args.config, args.work_dir, args.cfg_options, args.launcher)
    try:
        train(config, args.resume, args.amp, args.seed, args.verbose)
    except KeyboardInterrupt:
        found = find_checkpoint(config.work_dir)
        if found is None:
            sys.exit('interrupted before the first checkpoint: nothing to resume')
        sys.exit(f'interrupted; --resume goes on from {found}')
    if is_main_process():
        print(f'checkpoint: {find_checkpoint(config.work_dir)}')
        if command := command_for(config, args.config, config.work_dir):
            print(command)
