"""The command ``mmseg-weak VERB``: one module of this package a verb.

A verb module has a docstring, whose first line is the help, ``add_arguments(parser)`` and
``run(args)``. It imports what is heavy inside ``run``: help then comes at once. A text
``FIRST`` is printed before the seconds that loading takes. Modules whose names begin with
an underscore are no verbs.
"""

import argparse
import pkgutil
import sys
import warnings
from importlib import import_module
from types import ModuleType


def verbs() -> list[str]:
    """Names of the verbs, in the order of the alphabet."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in names if not name.startswith('_')]


def main(argv: list[str] | None = None) -> None:
    """Run the verb that the command line names.

    Args:
        argv (list[str], optional): Words after the program's name; default those of the
            process.

    Raises:
        SystemExit: The command line is wrong, help was asked for, or the verb ended in a
            mistake of the user, told in one line.
    """
    parser = argparse.ArgumentParser(
        prog='mmseg-weak', description='Weakly supervised semantic segmentation.'
    )
    choices = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    modules = {name: _module(name) for name in verbs()}
    for name, module in modules.items():
        _describe(choices.add_parser(name, help=_summary(module)), module)
    args = parser.parse_args(argv)
    _run(modules[args.verb], args)


def run_verb(name: str, argv: list[str] | None = None) -> None:
    """Run one verb as a program of its own, as the scripts in ``tools/`` do.

    Args:
        name (str): The verb.
        argv (list[str], optional): Its arguments; default those of the process.
    """
    module = _module(name)
    parser = argparse.ArgumentParser()
    _describe(parser, module)
    _run(module, parser.parse_args(argv))


def _module(name: str) -> ModuleType:
    return import_module(f'{__name__}.{name}')


def _summary(module: ModuleType) -> str:
    return module.__doc__.splitlines()[0]


def _describe(parser: argparse.ArgumentParser, module: ModuleType) -> None:
    """Give a parser the verb's docstring and arguments."""
    parser.description = module.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parser)


def _run(module: ModuleType, args: argparse.Namespace) -> None:
    """Load the toolbox, then run a verb with one-line errors."""
    import mmseg_weak

    if hasattr(module, 'FIRST'):
        print(module.FIRST, flush=True)
    if not getattr(args, 'verbose', False):  # advice to those who write models
        warnings.filterwarnings('ignore', module=r'(mmengine|mmcv|mmseg)\.')
    try:
        mmseg_weak.register()
    except ImportError as error:
        sys.exit(f'error: {error}')
    from ..apis.launch import run_tool

    run_tool(lambda: module.run(args))
