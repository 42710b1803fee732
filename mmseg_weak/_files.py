"""Write files and folders whole or not at all."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ._messages import reason_of, shortened


@contextmanager
def replace_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary name to write to; the file takes its place at the end.

    An exception or a kill in between leaves an older file as it was. Parent folders are
    made.

    Args:
        path (str | os.PathLike): The file to write.

    Yields:
        Path: Name in the same folder to write to.

    Raises:
        ValueError: The folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A folder, not a file: what is written inside gets the usual permissions.
        folder = tempfile.mkdtemp(prefix=f'.{path.name}-', dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        yield Path(folder) / path.name
        os.replace(Path(folder) / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replace_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes the place of ``path`` at the end.

    Args:
        path (str | os.PathLike): The folder to write; an older one is removed, but only
            once the new one is complete.

    Yields:
        Path: An empty folder to fill.

    Raises:
        ValueError: The parent folder cannot be written.
    """
    path = Path(path)
    with replace_file(path) as new:
        new.mkdir()
        yield new
        if path.is_dir():  # os.replace refuses a folder that is not empty
            path.rename(new.with_name('old'))


def file_digest(*paths: str | os.PathLike) -> str:
    """SHA-256 of the content of files, one behind the other."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            while block := file.read(2**22):
                digest.update(block)
    return digest.hexdigest()


def write_json(path: str | os.PathLike, content) -> None:
    """Write JSON, the whole file or nothing.

    Args:
        path (str | os.PathLike): The file to write.
        content: What ``json.dump`` takes; NumPy numbers are converted. Numbers that are
            not finite, for which JSON has no word, become null.

    Raises:
        ValueError: It cannot be written, for instance because the disk is full.
    """
    try:
        with replace_file(path) as temporary, open(temporary, 'w') as file:
            json.dump(_finite(content), file, indent=1, allow_nan=False)
            file.write('\n')
    except OSError as error:
        raise _unwritable(path, error) from None


def _finite(content: object) -> object:
    """What JSON can hold: None for NaN and infinity, plain numbers for those of NumPy."""
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if content is None or isinstance(content, (str, bool, int)):
        return content
    number = float(content)
    return number if math.isfinite(number) else None


def _unwritable(path: str | os.PathLike, error: OSError) -> ValueError:
    return ValueError(f'{shortened(path, 300)} cannot be written ({reason_of(error, 100)})')
