"""Millions of names in two arrays, so that they can be memory-mapped and looked up."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from .row_ranges import starts, take_ranges

# So many names at a time are decoded or hashed.
CHUNK = 1 << 16
# Constants of SplitMix64 (Steele et al. 2014).
STEP, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class NameList(Sequence):
    """A sequence of names in UTF-8, one behind the other.

    Args:
        text (np.ndarray): (b,) uint8, all names.
        start (np.ndarray): (n + 1,) int64; ``text[start[i]:start[i + 1]]`` is name ``i``.
    """

    def __init__(self, text: np.ndarray, start: np.ndarray) -> None:
        self.text, self.start = text, start

    @classmethod
    def of(cls, names: Iterable[str]) -> 'NameList':
        """The list of some names, none of them empty."""
        encoded = [name.encode('utf-8', 'surrogatepass') for name in names]
        length = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return cls(np.frombuffer(b''.join(encoded), np.uint8), starts(length))

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, index):
        """Name at a position, or a list of those of a slice."""
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            if step != 1:
                return [self[i] for i in range(first, last, step)]
            return self._decode(first, max(first, last))
        index = range(len(self))[index]
        return self._decode(index, index + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), CHUNK):
            yield from self[first : first + CHUNK]

    def _decode(self, first: int, last: int) -> list[str]:
        start = self.start[first : last + 1]
        text = self.text[start[0] : start[-1]].tobytes()
        ends = (start - start[0]).tolist()
        return [text[a:b].decode('utf-8', 'surrogatepass') for a, b in pairwise(ends)]

    def select(self, index: np.ndarray) -> 'NameList':
        """Names at some positions (an index array)."""
        start, rows = take_ranges(np.asarray(self.start), index)
        return NameList(self.text[rows], start)

    def hashes(self) -> np.ndarray:
        """(n,) uint64, equal for equal names on every machine; not against enemies.

        The sum of bytes times random odd numbers, one for each position, mixed at the end:
        two of 10⁶ names are equal with a chance of about 10⁻⁷.
        """
        parts = [self._hashes(i, i + CHUNK) for i in range(0, len(self), CHUNK)]
        return np.concatenate([np.zeros(0, np.uint64), *parts])

    def _hashes(self, first: int, last: int) -> np.ndarray:
        start = np.asarray(self.start[first : last + 1])
        length = np.diff(start)
        text = self.text[start[0] : start[-1]].astype(np.uint64) + np.uint64(1)
        place = np.arange(len(text)) - np.repeat(start[:-1] - start[0], length)
        factors = _mix(np.arange(1, int(length.max(initial=0)) + 1, dtype=np.uint64))
        text *= (factors | np.uint64(1))[place]
        if (length == 0).any():
            raise ValueError('a name is empty')
        return _mix(np.add.reduceat(text, start[:-1] - start[0]))


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64 of each value."""
    values = values * np.uint64(STEP)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(MIX_1)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(MIX_2)
    return values ^ (values >> np.uint64(31))
