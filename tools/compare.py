"""Train and test configs with several seeds and print one table.

``python tools/compare.py configs/seminar/pce_*.py configs/seminar/teacher_*.py``

Call it again to go on after an interruption, or only to print the table.
"""

import argparse

from mmseg_weak._files import replace_file
from mmseg_weak.apis import run_tool
from mmseg_weak.apis.compare import format_table, plan_runs, run_all


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument('--tta', action='store_true', help='test with TTA as well')
    parser.add_argument('--work-dir', default='work_dirs/compare', help='of all runs')
    parser.add_argument('--table', help='file to write the table to')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of all runs')
    return parser.parse_args()


def main() -> None:
    """Run and print."""
    args = parse_args()
    if args.jobs < 1:
        raise ValueError(f'--jobs must be at least 1, got {args.jobs}')
    runs = plan_runs(args.configs, args.seeds, args.work_dir, args.cfg_options)
    table = format_table(run_all(runs, args.jobs, args.tta))
    print(table)
    if args.table:
        with replace_file(args.table) as path:
            path.write_text(table + '\n')


if __name__ == '__main__':
    run_tool(main)
