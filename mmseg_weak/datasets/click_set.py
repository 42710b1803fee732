"""Clicks of a list of images, ready for training: columns in memory or mapped from disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .click_table import KNOWS_ALL, ClickTable
from .name_list import NameList

COLUMNS = dict(
    number=np.dtype('<i4'),
    vocabulary=np.dtype('<i4'),
    label=np.dtype('<i4'),
    negative=np.dtype('bool'),
    length=np.dtype('<i4'),
    points=np.dtype(('<f4', (2,))),
)
NPY_HEADER = 128


class Columns:
    """Columns that grow, in memory or as ``.npy`` files.

    Args:
        folder (Path, optional): Where files are written. Defaults to None: memory.
        fractions (bool): Positions keep 64 bits. Defaults to False.
    """

    def __init__(self, folder: Path | None = None, fractions: bool = False) -> None:
        self.folder = folder
        self.dtypes = dict(COLUMNS)
        if fractions:
            self.dtypes['points'] = np.dtype(('<f8', (2,)))
        self._rows = dict.fromkeys(COLUMNS, 0)
        self._parts: dict[str, list] = {name: [] for name in COLUMNS}
        self._files = {}
        for name in COLUMNS if folder else ():
            self._files[name] = open(folder / f'{name}.npy', 'wb')  # noqa: SIM115
            self._files[name].write(bytes(NPY_HEADER))

    def append(self, **parts: np.ndarray) -> None:
        """Rows behind those that are there."""
        for name, part in parts.items():
            part = np.ascontiguousarray(part, dtype=self.dtypes[name].base)
            self._rows[name] += len(part)
            if self._files:
                self._files[name].write(part.tobytes())
            else:
                self._parts[name].append(part)

    def finish(self) -> dict[str, np.ndarray]:
        """All columns; none if files were written, which :func:`load_columns` maps."""
        for name, file in self._files.items():
            file.seek(0)
            shape = (self._rows[name], *self.dtypes[name].shape)
            descr = self.dtypes[name].base.str
            text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
            length = NPY_HEADER - 10
            file.write(b'\x93NUMPY\x01\x00' + length.to_bytes(2, 'little'))
            file.write(text.ljust(length - 1).encode() + b'\n')
            file.close()
        empty = {n: np.zeros((0, *t.shape), t.base) for n, t in self.dtypes.items()}
        return {n: np.concatenate([empty[n], *p]) for n, p in self._parts.items()}


@dataclass
class ClickSet:
    """Marks of each image of a list.

    Attributes:
        ids (Sequence[str]): Ids of the images.
        files (Sequence[str]): Their files below the image folder.
        sizes (np.ndarray, optional): (n, 2) width and height.
        columns (dict): ``number`` ((n,) marks of each image), ``vocabulary`` ((n,) position
            in ``vocabularies``, -1 for all), of each mark ``label`` as trained,
            ``negative`` and ``length`` (its points), and ``points``.
        vocabularies (list[tuple[int, ...]]): What images were searched for, as trained.
        fractions (bool): Positions are fractions of the size of an image.
        report (dict): See :meth:`~.click_report.ReportCounter.report`.
        messages (list): ``[level, text]`` for the log.
        folder (Path, optional): Where the columns are mapped from.
    """

    ids: Sequence[str]
    files: Sequence[str]
    sizes: np.ndarray | None
    columns: dict[str, np.ndarray]
    vocabularies: list[tuple[int, ...]] = field(default_factory=list)
    fractions: bool = False
    report: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)
    folder: Path | None = None

    def __post_init__(self) -> None:
        self.mark_start = _starts(self.columns['number'])
        self.partial = bool((self.columns['vocabulary'] >= 0).any())
        self.negatives = self.partial or bool(self.columns['negative'].any())
        self.lines = len(self.columns['points']) > len(self.columns['label'])
        # Clicks have one point each, so that a mark's position is its point's.
        self.point_start = _starts(self.columns['length']) if self.lines else None

    def __len__(self) -> int:
        return len(self.mark_start) - 1

    def __getstate__(self) -> dict:
        """Workers that are started anew map the files themselves."""
        return self.__dict__ if self.folder is None else dict(folder=self.folder)

    def __setstate__(self, state: dict) -> None:
        loaded = len(state) == 1
        self.__dict__.update(vars(self.load(state['folder'])) if loaded else state)

    def marks(self, index: int) -> ClickTable:
        """The marks of one image."""
        rows = slice(*self.mark_start[index : index + 2].tolist())
        start = np.arange(rows.stop - rows.start + 1)
        points = rows
        if self.lines:
            start = self.point_start[rows.start : rows.stop + 1]
            points, start = slice(int(start[0]), int(start[-1])), start - start[0]
        label = self.columns['label'][rows].astype(np.int64)
        return ClickTable(
            images=(self.ids[index],),
            image_index=np.zeros(len(label), dtype=np.int32),
            points=np.array(self.columns['points'][points]),
            start=start,
            label=label,
            rank=np.zeros(len(label), dtype=np.int64),
            negative=np.array(self.columns['negative'][rows]),
            vocabulary=np.full(1, KNOWS_ALL, dtype=np.int32),
        )

    def known(self, index: int) -> tuple[int, ...] | None:
        """Classes that an image was searched for, None for all."""
        code = int(self.columns['vocabulary'][index])
        return None if code == KNOWS_ALL else self.vocabularies[code]

    def save(self, folder: Path) -> None:
        """Write what is no column, for :meth:`load`."""
        for name in ('ids', 'files'):
            names = NameList.of(getattr(self, name))
            np.save(folder / f'{name}.npy', names.text)
            np.save(folder / f'{name}_start.npy', names.start)
        if self.sizes is not None:
            np.save(folder / 'sizes.npy', self.sizes.astype(np.int32))
        content = dict(
            vocabularies=self.vocabularies,
            fractions=self.fractions,
            report=self.report,
            messages=self.messages,
            sizes=self.sizes is not None,
        )
        text = json.dumps(content, ensure_ascii=True)
        (folder / 'set.json').write_text(text, encoding='utf-8')

    @classmethod
    def load(cls, folder: Path) -> 'ClickSet':
        """Map what :class:`Columns` and :meth:`save` wrote.

        Raises:
            OSError, ValueError, KeyError: Something is absent or cut short.
        """
        content = json.loads((folder / 'set.json').read_text(encoding='utf-8'))
        names = {
            name: NameList(_map(folder, name), _map(folder, f'{name}_start'))
            for name in ('ids', 'files')
        }
        return cls(
            ids=names['ids'],
            files=names['files'],
            sizes=_map(folder, 'sizes') if content['sizes'] else None,
            columns={name: _map(folder, name) for name in COLUMNS},
            vocabularies=[tuple(ids) for ids in content['vocabularies']],
            fractions=content['fractions'],
            report=content['report'],
            messages=content['messages'],
            folder=folder,
        )


def block_columns(block: ClickTable, vocabulary: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of marks that stand in the order of their images.

    Args:
        block (ClickTable): Labels as trained.
        vocabulary (np.ndarray): (images,) position in the vocabularies of the whole set.
    """
    return dict(
        number=np.bincount(block.image_index, minlength=len(block.images)),
        vocabulary=vocabulary,
        label=block.label,
        negative=block.negative,
        length=np.diff(block.start),
        points=block.points,
    )


def _starts(numbers: np.ndarray) -> np.ndarray:
    start = np.zeros(len(numbers) + 1, dtype=np.int64)
    np.cumsum(numbers, out=start[1:])
    return start


def _map(folder: Path, name: str) -> np.ndarray:
    path = folder / f'{name}.npy'
    try:
        return np.load(path, mmap_mode='r', allow_pickle=False)
    except ValueError:
        column = np.load(path, allow_pickle=False)
        if len(column):  # only a column without rows cannot be mapped
            raise
        return column
