"""Formats that masks are written in, one a file, registered in ``registry.WRITERS``."""

import importlib
import pkgutil

from .mask_folder import MaskFolder, write_masks

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{_module.name}')
