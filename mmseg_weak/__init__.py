"""Weakly supervised semantic segmentation as a plugin of MMSegmentation.

Importing the package checks the toolbox and registers every component in mmseg's
registries, so a config needs a single line::

    custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
"""

import multiprocessing
import sys
from importlib import import_module
from pathlib import Path

from .version import __version__

__all__ = [
    '__version__',
    'config_path',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'refinement',
    'register',
    'visualization',
]
_ROOMS = ('datasets', 'engine', 'evaluation', 'models', 'refinement', 'visualization')


def register() -> None:
    """Check the toolbox and register every component; a second call does nothing.

    Raises:
        ImportError: The toolbox is missing or too old; the message says what to install.
    """
    # All of them: the command line may have imported one, and what that one imports.
    if all(f'{__name__}.{room}' in sys.modules for room in _ROOMS):
        return
    from ._toolbox import check_toolbox, quiet_imports

    with quiet_imports():
        check_toolbox()
        for room in _ROOMS:
            import_module(f'.{room}', __name__)


def config_path(name: str) -> str:
    """Path of a config: a file, or one that is shipped, also in a wheel.

    A config of one's own is based on it with
    ``_base_ = __import__('mmseg_weak').config_path('_base_/default_runtime.py')``.

    Args:
        name (str): Path of a file; else relative to the folder of shipped configs, with
            ``configs/`` in front or without.

    Raises:
        FileNotFoundError: There is no such file, and no config of that name is shipped.
    """
    if Path(name).is_file():
        return str(name)
    folder = Path(__file__).resolve().parent / '.mim' / 'configs'
    path = folder / str(name).removeprefix('configs/')
    if not path.is_file():
        raise FileNotFoundError(f'config {name} does not exist, nor is one shipped')
    return str(path)


def _is_command() -> bool:
    """Tell whether ``mmseg-weak`` or ``python -m mmseg_weak`` imports the package.

    Python's first argument is ``-m`` while it looks for the module. Workers inherit the
    arguments.
    """
    program = Path(sys.argv[0]).stem if sys.argv else ''
    if program == '-m':
        words = sys.orig_argv
        ours = '-m' in words and words[words.index('-m') + 1] == __name__
        program = 'mmseg-weak' if ours else ''
    return program == 'mmseg-weak' and multiprocessing.parent_process() is None


# The command answers ``--help`` without the seconds that torch takes to load.
if not _is_command():
    register()
