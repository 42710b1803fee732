"""Run a list of stages, each a command with inputs and outputs.

``python tools/run_stages.py configs/seminar/stages_….py``

Call it again to go on after an interruption; finished stages whose inputs did not change
are not run again.
"""

import argparse
import sys

from mmseg_weak.apis import run_tool
from mmseg_weak.apis.cfg_options import MergedDictAction
from mmseg_weak.apis.stage_plan import load_stages, select_stages
from mmseg_weak.apis.stages import list_stages, run_stages
from mmseg_weak.apis.stopwatch import Stopwatch


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file with a list of stages')
    parser.add_argument('stages', nargs='*', help='names; default all')
    parser.add_argument('--list', action='store_true', help='show the stages, run nothing')
    parser.add_argument('--work-dir', help='of all stages')
    parser.add_argument('--seed', type=int, default=0, help='value of {seed}')
    parser.add_argument('--jobs', type=int, default=1, help='stages at a time')
    parser.add_argument('--threads', type=int, help='OMP_NUM_THREADS of each stage')
    parser.add_argument(
        '--cfg-options', nargs='+', action=MergedDictAction, help='of the list, key=value'
    )
    return parser.parse_args()


def main() -> None:
    """List or run."""
    args = parse_args()
    stages = load_stages(args.config, args.work_dir, args.seed, args.cfg_options)
    chosen = select_stages(stages, args.stages)
    if args.list:
        width = max(len(stage.name) for stage in chosen)
        states = dict(list_stages(stages))
        for stage in chosen:
            print(f'{stage.name:<{width}}  {states[stage.name]}')
        return
    try:
        run_stages(stages, args.stages, args.jobs, args.threads)
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on')
    for stage in chosen:
        print(f'{stage.name}: {Stopwatch(stage.time_file).minutes:.1f} minutes')


if __name__ == '__main__':
    run_tool(main)
