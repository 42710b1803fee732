"""The verbs of the command as functions, and what programs around them need.

``from mmseg_weak.apis import init, train, predict``: see each function. They are loaded
when asked for.
"""

from importlib import import_module
from typing import Any

from ..checkpoints import find_checkpoint, require_weights
from .launch import load_config, require_writable, run_tool, set_resume
from .path_check import check_paths

# Name, module below this package and function.
_LAZY = {
    'Predictor': ('..prediction', 'Predictor'),
    'annotate': ('..live.serve', 'serve'),
    'compare': ('..stages.compare', 'run_all'),
    'convert': ('..datasets.formats.conversion', 'convert'),
    'export': ('.export_segmentor', 'export_segmentor'),
    'init': ('..project', 'init'),
    'label': ('..labelling', 'make_labels'),
    'predict': ('.prediction', 'predict'),
    'show': ('.visualize', 'visualize'),
    'stages': ('..stages', 'run_stages'),
    'test': ('.testing', 'test'),
    'train': ('.training', 'train'),
}
__all__ = [
    *_LAZY,
    'check_paths',
    'find_checkpoint',
    'load_config',
    'require_weights',
    'require_writable',
    'run_tool',
    'set_resume',
]


def __getattr__(name: str) -> Any:
    """Load a verb."""
    if name not in _LAZY:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module, function = _LAZY[name]
    return getattr(import_module(module, __name__), function)
