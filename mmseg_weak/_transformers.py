"""The optional library ``transformers``, with one line for each mistake of a user."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ._files import file_digest

# What some models need beside it.
LIBRARIES = ('torchvision', 'timm')
WEIGHTS = ('*.safetensors', '*.bin')
INSTALL = 'pip install "mmseg_weak[foundation]"'


def require_transformers(owner: str) -> ModuleType:
    """Import the library only where it is used; it is optional and slow to import.

    Args:
        owner (str): Who needs it, for the message.

    Raises:
        ValueError: It is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise ValueError(f'{owner} needs transformers: {INSTALL} ({error})') from None
    return transformers


def read_pretrained(
    load: Callable, name: str, owner: str, local_files_only: bool, **options: Any
) -> Any:
    """Call a ``from_pretrained`` of the library.

    Args:
        load (Callable): The ``from_pretrained``.
        name (str): Folder, or name on the hub.
        owner (str): Who reads it, for messages.
        local_files_only (bool): Take a hub name from the cache alone.
        options: Passed on.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds no such files, is of an unknown kind, needs a library that is
            not installed, or the hub is out of reach and the cache has no copy.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and (folder.is_absolute() or name.startswith(('.', '~'))):
        raise FileNotFoundError(f'{owner}: the folder {name} does not exist')
    if folder.is_dir():
        name, local_files_only = str(folder), True
    try:
        with name_libraries(owner, name):
            return load(name, local_files_only=local_files_only, **options)
    except OSError as error:
        if folder.is_dir():
            reason = f'{name} lacks a file ({_first_line(error)})'
        elif local_files_only or os.environ.get('HF_HUB_OFFLINE', '0') != '0':
            reason = (
                f'{name} is no folder and not in the cache, and downloads are switched '
                'off: download it elsewhere and give its folder'
            )
        else:
            reason = (
                f'{name} is no folder, and the hub has no such model or cannot be '
                f'reached: give a folder ({_first_line(error)})'
            )
        raise ValueError(f'{owner}: {reason}') from None
    except (ValueError, KeyError) as error:
        raise ValueError(f'{owner}: {name}: {_first_line(error)}') from None


@contextmanager
def name_libraries(owner: str, model: str) -> Iterator[None]:
    """Say in one line what a model needs beside transformers, such as torchvision.

    Args:
        owner (str): Who needs it, for the message.
        model (str): Name or kind of the model.

    Raises:
        ValueError: A library is not installed.
    """
    try:
        yield
    except ImportError as error:
        names = [name for name in LIBRARIES if name in str(error).lower()]
        asked = f': pip install {" ".join(names)}' if names else ''
        text = ' '.join(str(error).split())
        raise ValueError(
            f'{owner}: {model} needs what is not installed{asked} ({text:.160})'
        ) from None


def build_config(
    model: str | Mapping, owner: str, local_files_only: bool, **options: Any
) -> Any:
    """Config of a model from its folder, its hub name, or its settings.

    Args:
        model (str | Mapping): Folder, hub name, or settings with ``model_type``.
        owner (str): Who needs it, for messages.
        local_files_only (bool): Take a hub name from the cache alone.
        options: Settings that replace those of the model.

    Raises:
        FileNotFoundError, ValueError: As :func:`read_pretrained`, or an option or
            ``model_type`` is unknown.
    """
    library = require_transformers(owner)
    if isinstance(model, str):
        load = library.AutoConfig.from_pretrained
        config = read_pretrained(load, model, owner, local_files_only)
    else:
        settings = dict(model)
        kind = settings.pop('model_type', None)
        try:
            config = library.AutoConfig.for_model(kind, **settings)
        except ValueError:
            raise ValueError(
                f'{owner}: transformers {library.__version__} has no model_type {kind!r}'
            ) from None
    for key, value in options.items():
        if not hasattr(config, key):
            raise ValueError(f'{owner}: a {config.model_type} has no setting {key!r}')
        setattr(config, key, value)
    return config


def identity(name: str, local_files_only: bool = False) -> str:
    """What labels and stored embeddings depend on: files of a folder, or the commit.

    Raises:
        FileNotFoundError, ValueError: As :func:`build_config`.
    """
    config = build_config(name, 'model', local_files_only)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return f'{name}@{getattr(config, "_commit_hash", None)}'
    files = [folder / 'config.json', *(f for p in WEIGHTS for f in folder.glob(p))]
    return f'{folder.name}@{file_digest(*sorted(files))}'


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
