"""Arguments that several verbs have."""

import argparse
import os

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


class _Options(argparse.Action):
    """``MergedDictAction``, which loads the toolbox, only once an option is given."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        from .._toolbox import quiet_imports

        with quiet_imports():
            from ..apis.cfg_options import MergedDictAction
        action = MergedDictAction(self.option_strings, self.dest)
        action(parser, namespace, values, option_string)


class _LocalRank(argparse.Action):
    """Also set the variable ``LOCAL_RANK``, which mmengine reads."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        os.environ.setdefault('LOCAL_RANK', str(values))
        setattr(namespace, self.dest, values)


def add_cfg_options(
    parser: argparse.ArgumentParser, text: str = 'overrides, key.sub_key=value'
) -> None:
    """Add ``--cfg-options key=value …``; given twice they add up."""
    parser.add_argument('--cfg-options', nargs='+', action=_Options, help=text)


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher`` and the rank that ``torch.distributed.launch`` passes.

    torchrun sets the variable ``LOCAL_RANK`` instead.
    """
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none')
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, action=_LocalRank
    )


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Add ``--verbose``."""
    parser.add_argument(
        '--verbose', action='store_true', help='print all that the log file gets'
    )


def let_words_follow_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Take ``PHOTOS --out CELLS LABELS`` as ``PHOTOS LABELS --out CELLS``.

    By itself argparse takes the list ``LABELS`` for complete, and empty, at the option.

    Args:
        parser (ArgumentParser): Of a verb.
        name (str): Its list of words that may go on behind options.
    """

    def parse(words=None, namespace=None) -> tuple:
        del parser.parse_known_args  # the plain one
        try:
            args, rest = parser.parse_known_args(words, namespace)
        finally:
            parser.parse_known_args = parse
        if any(word.startswith('-') for word in rest):
            return args, rest
        setattr(args, name, [*getattr(args, name), *rest])
        return args, []

    parser.parse_known_args = parse
