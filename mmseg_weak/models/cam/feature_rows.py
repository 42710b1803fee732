"""Feature vectors in memory or in files, centred and handed out in chunks."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

# Of features on the device at once; fewer are kept there.
CHUNK_BYTES = 2**27


class FeatureRows:
    """Rows of features that need not fit into memory.

    Args:
        shards (Sequence[Tensor]): Features (n_r, d), floating point; W of them hold row i
            at i // W of shard i % W, as W ranks leave them. They may be mapped from files.
        members (Tensor, optional): Rows that count, (n,) long, ascending. None takes all.
        device (torch.device | str, optional): Where chunks go. None: where shards are.
        chunk_bytes (int): Memory of a chunk. Defaults to :data:`CHUNK_BYTES`.

    Attributes:
        dims (int): d.
        dtype (torch.dtype): Of what is handed out: float32, or float64 of such features.
        device (torch.device): Where it is.
        mean (Tensor | None): What is subtracted, (d,), after :meth:`centre`.
    """

    def __init__(
        self,
        shards: Sequence[Tensor],
        members: Tensor | None = None,
        device: torch.device | str | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.shards, self.members = list(shards), members
        self.dims = self.shards[0].shape[1]
        self.device = torch.device(device or self.shards[0].device)
        self.dtype = torch.promote_types(self.shards[0].dtype, torch.float32)
        self.step = max(1, chunk_bytes // (self.dims * self.dtype.itemsize))
        self.mean: Tensor | None = None
        self._whole: Tensor | None = None
        self._norms: Tensor | None = None

    def __len__(self) -> int:
        if self.members is not None:
            return len(self.members)
        return sum(map(len, self.shards))

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Positions and rows (c, d), centred after :meth:`centre`, in order."""
        for start in range(0, len(self), self.step):
            part = slice(start, min(start + self.step, len(self)))
            if part == slice(0, len(self)):
                if self._whole is None:
                    self._whole = self._read(part)
                yield part, self._whole
            else:
                yield part, self._read(part)

    def take(self, positions: Tensor) -> Tensor:
        """Rows at positions (k,), centred after :meth:`centre`."""
        rows = self.members.to(positions.device)[positions] if self._chosen else positions
        return self._centred(self._gather(rows.cpu()))

    def centre(self) -> None:
        """Subtract the mean from all that is handed out.

        Raises:
            ValueError: A row is not finite; the message tells which.
        """
        total = sum(chunk.sum(dim=0).double() for _, chunk in self.chunks())
        if not torch.isfinite(total).all():
            raise ValueError(f'k-means: {self._culprit()} values that are not finite')
        self.mean = (total / len(self)).to(self.dtype)
        self._whole = self._norms = None

    def norms(self) -> Tensor:
        """Squared norms, (n,)."""
        if self._norms is None:
            parts = [chunk.square().sum(dim=1) for _, chunk in self.chunks()]
            self._norms = torch.cat(parts)
        return self._norms

    def _culprit(self) -> str:
        for part, chunk in self.chunks():
            bad = (~torch.isfinite(chunk)).any(dim=1).nonzero()
            if len(bad):
                return f'feature {part.start + int(bad[0])} holds'
        return 'the features sum to'

    @property
    def _chosen(self) -> bool:
        return self.members is not None

    def _read(self, part: slice) -> Tensor:
        if self._chosen:
            return self._centred(self._gather(self.members[part].cpu()))
        if len(self.shards) == 1:
            return self._centred(self.shards[0][part])
        return self._centred(self._gather(torch.arange(part.start, part.stop)))

    def _gather(self, rows: Tensor) -> Tensor:
        count = len(self.shards)
        if count == 1:
            return self.shards[0][rows.to(self.shards[0].device)]
        found = torch.empty(len(rows), self.dims, dtype=self.shards[0].dtype)
        for rank, shard in enumerate(self.shards):
            here = rows % count == rank
            found[here] = shard[rows[here] // count]
        return found

    def _centred(self, rows: Tensor) -> Tensor:
        rows = rows.to(self.device, self.dtype)
        return rows if self.mean is None else rows - self.mean


def as_rows(features: Tensor | FeatureRows) -> FeatureRows:
    """Features as rows, a tensor as one shard."""
    return features if isinstance(features, FeatureRows) else FeatureRows([features])
