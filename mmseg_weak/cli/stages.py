"""Run a list of stages, each a command with inputs and outputs.

Call it again to go on after an interruption; finished stages whose inputs did not change
are not run again.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from ._arguments import add_cfg_options, let_words_follow_options

if TYPE_CHECKING:
    from ..stages.plan import Stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        'config', help='config file with a list of stages, or a folder with stages.py'
    )
    parser.add_argument('stages', nargs='*', default=[], help='names; default all')
    parser.add_argument('--list', action='store_true', help='show the stages, run nothing')
    parser.add_argument('--work-dir', help='of all stages')
    parser.add_argument('--seed', type=int, default=0, help='value of {seed}')
    parser.add_argument('--jobs', type=int, default=1, help='stages at a time')
    parser.add_argument('--threads', type=int, help='OMP_NUM_THREADS of each stage')
    parser.add_argument(
        '--use',
        action='append',
        default=[],
        type=_pair,
        metavar='NAME=CHECKPOINT',
        help='take an existing checkpoint in place of a training',
    )
    add_cfg_options(parser, 'of the list, key=value')
    let_words_follow_options(parser, 'stages')


def _pair(text: str) -> tuple[str, str]:
    """Name of a stage and path of a checkpoint."""
    name, given, path = text.partition('=')
    if not (name and given and path):
        raise argparse.ArgumentTypeError(f'expected NAME=CHECKPOINT, got {text!r}')
    return name, path


def run(args: argparse.Namespace) -> None:
    """List or run."""
    from ..stages import list_stages, load_stages, run_stages, select_stages
    from ..stages.compare import scores, told
    from ..stages.state import read_state

    stages = load_stages(
        args.config, args.work_dir, args.seed, args.cfg_options, dict(args.use)
    )
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
        minutes = f'{read_state(stage.folder).minutes:.1f} minutes'
        print(f'{stage.name}: {minutes}{told(scores(stage))}')
    _say_how_to_use(stage)


def _say_how_to_use(last: 'Stage') -> None:
    """What to do with the network of a list that ends with a training, as init's do."""
    config = next(iter(last.inputs.values()), None)
    if last.checkpoint is None or config.suffix != '.py':
        return
    from ..apis.prediction import command_for
    from ..configs import read_config

    if command := command_for(read_config(config), config, last.folder):
        print(command)
