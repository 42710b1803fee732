"""Weakly supervised semantic segmentation as a plugin of MMSegmentation.

Importing the package checks the toolbox and registers every component in mmseg's
registries, so a config needs a single line::

    custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
"""

from ._toolbox import check_toolbox
from .version import __version__

check_toolbox()

from . import datasets, engine, evaluation, models, refinement, visualization  # noqa: E402

__all__ = [
    '__version__',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'refinement',
    'visualization',
]
