"""Train and test configs with several seeds and print one table.

Call it again to go on after an interruption, or only to print the table.
"""

import argparse
import sys

from ._arguments import let_words_follow_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument('configs', nargs='+', help='configs of trainings, lists of stages')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--jobs', type=int, default=1, help='commands at a time')
    parser.add_argument('--tta', action='store_true', help='test with TTA as well')
    parser.add_argument('--work-dir', default='work_dirs/compare', help='of all runs')
    parser.add_argument('--table', help='file to write the table to')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of all runs')
    let_words_follow_options(parser, 'configs')


def run(args: argparse.Namespace) -> None:
    """Run and print."""
    from .._files import replace_file
    from ..stages.compare import format_table, plan_runs, run_all

    if args.jobs < 1:
        raise ValueError(f'--jobs must be at least 1, got {args.jobs}')
    runs = plan_runs(args.configs, args.seeds, args.work_dir, args.cfg_options, args.tta)
    try:
        table = format_table(run_all(runs, args.jobs))
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on')
    print(table)
    if args.table:
        with replace_file(args.table) as path:
            path.write_text(table + '\n')
