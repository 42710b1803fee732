"""Read a config file, or say in one line why it cannot be."""

import os

from mmengine.config import Config

from . import config_path
from ._messages import reason_of


def read_config(path: str | os.PathLike, **options) -> Config:
    """Read a config: a file, or one that is shipped, see :func:`mmseg_weak.config_path`.

    Args:
        path (str | os.PathLike): Name of the config.
        **options: Of ``mmengine.Config.fromfile``.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no Python, a base is absent, or running it fails.
    """
    path = config_path(os.fspath(path))
    try:
        return Config.fromfile(path, **options)
    except Exception as error:  # a config is a program
        text = f'{type(error).__name__}: {reason_of(error)}'
        raise ValueError(f'config {path} cannot be read ({text})') from error
