"""Feature maps of images on disk, bounded in size, the least recently used leave first."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .._arrays import read_arrays
from .._files import replace_file

Maps = list[np.ndarray]


class FeatureCache:
    """Remembers maps by image file and network.

    A file that changed (size or time of change) is computed anew, and so is everything
    with another network or scale. Several threads may ask at once.

    Args:
        folder (str | os.PathLike): Where files are kept; made if absent.
        compute (Callable): Path of an image to its maps.
        digest (str): Name of network and scale.
        max_bytes (int): Of all files in the folder, > 0. Defaults to 8 GiB.
        max_memory (int): Of the maps kept in memory. Defaults to 512 MiB.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        compute: Callable[[str], Maps],
        digest: str,
        max_bytes: int = 8 << 30,
        max_memory: int = 512 << 20,
    ) -> None:
        if max_bytes <= 0:
            raise ValueError(f'max_bytes must be > 0, got {max_bytes}')
        self.folder, self.compute, self.digest = Path(folder), compute, digest
        self.max_bytes, self.max_memory = max_bytes, max_memory
        self.folder.mkdir(parents=True, exist_ok=True)
        self._memory: OrderedDict[str, Maps] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()
        self._files = {f.name: f.stat().st_size for f in self.folder.glob('*.npz')}
        self._total = sum(self._files.values())

    def get(self, path: str) -> Maps:
        """Maps of an image, from memory, from disk or computed.

        Args:
            path (str): Image file.

        Returns:
            list[np.ndarray]: (c, h, w) float16 each.
        """
        key = self._key(path)
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
            maps = self._read(key)
            if maps is None:
                maps = self.compute(path)
                self._write(key, maps)
            self._remember(key, maps)
            return maps

    def put(self, path: str, maps: Maps) -> None:
        """Keep maps on disk that were computed elsewhere."""
        with self._lock:
            self._write(self._key(path), maps)

    def has(self, path: str) -> bool:
        """Whether the maps of an image need not be computed; not if it is gone."""
        try:
            key = self._key(path)
        except OSError:
            return False
        return key in self._memory or f'{key}.npz' in self._files

    def _key(self, path: str) -> str:
        state = os.stat(path)
        text = (
            f'{os.path.abspath(path)}\0{state.st_size}\0{state.st_mtime_ns}\0{self.digest}'
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _read(self, key: str) -> Maps | None:
        file = self.folder / f'{key}.npz'
        try:
            maps = list(read_arrays(file).values())
            os.utime(file)
            return maps
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            file.unlink(missing_ok=True)  # cut off: computed again
            return None

    def _write(self, key: str, maps: Maps) -> None:
        file = self.folder / f'{key}.npz'
        try:
            with replace_file(file) as temporary, open(temporary, 'wb') as stream:
                np.savez(stream, *maps)
        except (OSError, ValueError):
            return  # a full disk makes it slower, not wrong
        size = file.stat().st_size
        self._total += size - self._files.get(file.name, 0)
        self._files[file.name] = size
        if self._total > self.max_bytes:
            self._prune()

    def _prune(self) -> None:
        """Remove what was used longest ago, down to nine tenths of the bound."""
        files = [(f.stat().st_mtime, f) for f in self.folder.glob('*.npz')]
        for _, file in sorted(files):
            if self._total <= 0.9 * self.max_bytes:
                break
            self._total -= self._files.pop(file.name, 0)
            file.unlink(missing_ok=True)

    def _remember(self, key: str, maps: Maps) -> None:
        self._memory[key] = maps
        self._held += sum(m.nbytes for m in maps)
        while self._held > self.max_memory and len(self._memory) > 1:
            _, old = self._memory.popitem(last=False)
            self._held -= sum(m.nbytes for m in old)
