"""Train a config: ``python tools/train.py configs/….py``."""

import argparse
import os

from mmengine.device import get_device
from mmengine.runner import Runner

from mmseg_weak.apis import check_paths, load_config, run_tool, set_resume
from mmseg_weak.apis.cfg_options import MergedDictAction
from mmseg_weak.apis.launch import LAUNCHERS


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a value from the newest of the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (GPU)')
    parser.add_argument('--seed', type=int, help='random seed; also written to the config')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=MergedDictAction,
        help='overrides, key.sub_key=value',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none')
    # torch.distributed.launch passes it, torchrun sets the variable.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Build the runner and train."""
    args = parse_args()
    config = load_config(args.config, args.work_dir, args.cfg_options, args.launcher)
    if args.seed is not None:
        config.randomness = dict(config.get('randomness', {}), seed=args.seed)
    if args.amp:
        if get_device() in ('cpu', 'mps'):
            raise ValueError('--amp needs a GPU, and torch finds none')
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    check_paths(config, ('train', 'val'))
    if args.resume:
        set_resume(config, args.resume)
    Runner.from_cfg(config).train()


if __name__ == '__main__':
    run_tool(main)
