"""Formats of annotation tools, one a file, registered in ``mmseg_weak.registry.READERS``.

Importing the package registers every module in it, so that a new format is one new file
(``docs/extending.md`` shows one).
"""

import importlib
import pkgutil

from .annotations import Annotations
from .base import Format, ReadOptions
from .reading import read_annotations
from .writing import write_annotations

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{_module.name}')
