"""What a start need not read again: sizes of images and clicks, kept beside the list."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from .._files import replace_file, replace_folder
from ..version import __version__
from .click_set import ClickSet
from .click_shards import INDEX
from .click_store import ClickStore
from .image_checks import ImageKind, read_headers
from .messages import warn
from .name_list import NameList

try:
    import fcntl
except ImportError:  # Windows: every process reads by itself
    fcntl = None

# Raise the number when what is kept changes within a version of the package.
VERSION = 1, __version__
# Clicks of so many marks, or files of so many bytes, are worth a cache.
MANY_MARKS, MANY_BYTES = 200_000, 1 << 23
# Of click sets beside one list, such as those of several limits.
MOST_SETS = 4


def cache_folder(beside: str | os.PathLike) -> Path:
    """Folder of what is kept of a list or an image folder."""
    path = Path(os.path.abspath(beside))
    return path.with_name(f'.{path.name}.cache')


def digest(*parts: object) -> str:
    """Short name of what JSON can hold, or of bytes."""
    code = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            part = json.dumps(part, default=str, sort_keys=True).encode()
        code.update(hashlib.sha256(part).digest())
    return code.hexdigest()[:24]


def file_stamp(path: str | os.PathLike) -> list:
    """Name, size and time of change of a file, or of the index of a click table.

    Raises:
        OSError: It is absent, or another folder, whose files are many.
    """
    if os.path.isdir(path) and ClickStore.is_store(path):
        path = os.path.join(path, INDEX)
    elif not os.path.isfile(path):
        raise FileNotFoundError(path)
    stat = os.stat(path)
    return [os.path.abspath(path), stat.st_size, stat.st_mtime_ns]


def is_large(path: str | os.PathLike) -> bool:
    """Whether a click file or table is worth a cache."""
    if os.path.isdir(path):
        return ClickStore.is_store(path) and ClickStore(path).num_marks >= MANY_MARKS
    return os.path.isfile(path) and os.path.getsize(path) >= MANY_BYTES


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Let one process of a machine, or of a file system with locks, work at a time.

    Whoever comes second finds what the first one wrote. A lock ends with its process.
    """
    number = None
    if fcntl is not None:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            number = os.open(folder / f'{name}.lock', os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(number, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if number is not None:
            os.close(number)


def cached_set(
    folder: Path, key: object, make: Callable[[Path | None], ClickSet]
) -> ClickSet:
    """The click set of a key, made by the first process that asks and mapped by all.

    Args:
        folder (Path): Of the cache.
        key (object): Everything that decides what is in the set, as JSON.
        make (Callable): Makes the set, its columns in a folder or, for None, in memory.

    Raises:
        FileNotFoundError, ValueError: What ``make`` raises.
    """
    path = folder / f'clicks-{digest(VERSION, key)}'
    found = _load(path)
    if found is not None:
        return found
    with locked(folder, 'clicks'):
        found = _load(path)
        if found is not None:
            return found
        try:
            with replace_folder(path) as new:
                make(new).save(new)
        except (OSError, ValueError) as error:
            if not _cannot_write(error, path):
                raise
            warn(f'{path} cannot be written ({error}): every start reads all clicks again')
            return make(None)
        _remove_old(folder)
        return ClickSet.load(path)


def _load(path: Path) -> ClickSet | None:
    try:
        found = ClickSet.load(path)
    except Exception:  # absent, cut short, of another kind: it is made anew
        return None
    with suppress(OSError):  # somebody else's, or on a disk that is only read
        os.utime(path)
    return found


def _cannot_write(error: Exception, path: Path) -> bool:
    """Whether the fault is the cache's, not that of what it is made from."""
    if isinstance(error, FileNotFoundError):
        return False
    return isinstance(error, OSError) or str(error).startswith(f'{path} cannot be written')


def _remove_old(folder: Path) -> None:
    """Keep the sets that were used last."""
    with suppress(OSError):
        sets = sorted(folder.glob('clicks-*'), key=os.path.getmtime)
        for path in sets[:-MOST_SETS]:
            shutil.rmtree(path, ignore_errors=True)


def cached_headers(
    folder: Path, root: str, files: Sequence[str]
) -> tuple[np.ndarray, list[ImageKind]]:
    """Sizes and kinds of images; only new and changed files are opened.

    Args:
        folder (Path): Of the cache.
        root (str): Image folder.
        files (Sequence[str]): Paths below it.

    Returns:
        tuple: As :func:`.image_checks.read_headers`, which see for the errors too.
    """
    codes = NameList.of(files).hashes()
    stamps = _stamps(root, files)
    with locked(folder, 'sizes'):
        path = folder / f'sizes-{digest(VERSION, os.path.abspath(root))}.npz'
        rows, kinds = _known(path, codes, stamps)
        fresh = np.flatnonzero(rows[:, 2] < 0).tolist()
        if fresh:
            paths = [os.path.join(root, files[i]) for i in fresh]
            sizes, found = read_headers(paths, None, len(files))
            place = {kind: i for i, kind in enumerate(dict.fromkeys([*kinds, *found]))}
            rows[fresh, :2], kinds = sizes, list(place)
            rows[fresh, 2] = [place[kind] for kind in found]
            _write_known(path, codes, stamps, rows, kinds)
    return rows[:, :2], [kinds[i] for i in rows[:, 2].tolist()]


def _stamps(root: str, files: Sequence[str]) -> np.ndarray:
    """(n, 2) size and time of change in nanoseconds, -1 for files that are not there."""
    stamps = np.full((len(files), 2), -1, dtype=np.int64)
    for i, file in enumerate(files):
        with suppress(OSError):
            stat = os.stat(f'{root}/{file}')
            stamps[i] = stat.st_size, stat.st_mtime_ns
    return stamps


def _known(
    path: Path, codes: np.ndarray, stamps: np.ndarray
) -> tuple[np.ndarray, list[ImageKind]]:
    """(n, 3) width, height and kind of each image, -1 for those that are to be read."""
    rows = np.full((len(codes), 3), -1, dtype=np.int64)
    try:
        with np.load(path, allow_pickle=False) as saved:
            old, old_stamps, old_rows = (saved[k] for k in ('codes', 'stamps', 'rows'))
            kinds = [ImageKind(*kind) for kind in json.loads(saved['kinds'].tobytes())]
        place = np.minimum(np.searchsorted(old, codes), len(old) - 1)
        same = (old[place] == codes) & (old_stamps[place] == stamps).all(1)
        same &= stamps[:, 0] >= 0
        rows[same] = old_rows[place[same]]
    except Exception:  # absent, cut short, of another kind: read everything
        return rows, []
    return rows, kinds


def _write_known(
    path: Path, codes: np.ndarray, stamps: np.ndarray, rows: np.ndarray, kinds: list
) -> None:
    order = np.argsort(codes)
    text = np.frombuffer(json.dumps(kinds).encode(), np.uint8)
    columns = dict(codes=codes[order], stamps=stamps[order], rows=rows[order], kinds=text)
    # A folder that cannot be written is told of by cached_set.
    with suppress(OSError, ValueError), replace_file(path) as new:
        np.savez(new, **columns)
