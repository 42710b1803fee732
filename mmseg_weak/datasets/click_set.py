"""Clicks of a list of images, ready for training: columns in memory or mapped from disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .click_table import KNOWS_ALL, ClickTable
from .name_list import NameList
from .row_ranges import starts

COLUMNS = dict(
    number=np.dtype('<i4'),
    vocabulary=np.dtype('<i4'),
    label=np.dtype('<i4'),
    negative=np.dtype('bool'),
    length=np.dtype('<i4'),
    points=np.dtype(('<f4', (2,))),
)


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
            self._write_header(name)

    def append(self, block: ClickTable, vocabulary: np.ndarray) -> None:
        """Put marks behind those that are there.

        Args:
            block (ClickTable): In the order of their images, labels as trained.
            vocabulary (np.ndarray): (images,) position in those of the whole set.
        """
        parts = dict(
            number=np.bincount(block.image_index, minlength=len(block.images)),
            vocabulary=vocabulary,
            label=block.label,
            negative=block.negative,
            length=np.diff(block.start),
            points=block.points,
        )
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
            self._write_header(name)
            file.close()
        empty = {n: np.zeros((0, *t.shape), t.base) for n, t in self.dtypes.items()}
        return {n: np.concatenate([empty[n], *p]) for n, p in self._parts.items()}

    def _write_header(self, name: str) -> None:
        """Of one length whatever the number of rows: NumPy leaves room for it to grow."""
        shape = (self._rows[name], *self.dtypes[name].shape)
        header = dict(descr=self.dtypes[name].base.str, fortran_order=False, shape=shape)
        np.lib.format.write_array_header_1_0(self._files[name], header)


@dataclass
class ClickSet:
    """Marks of each image of a list.

    Attributes:
        ids (Sequence[str]): Ids of the images.
        files (Sequence[str]): Their files below the image folder.
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
    columns: dict[str, np.ndarray]
    vocabularies: list[tuple[int, ...]] = field(default_factory=list)
    fractions: bool = False
    report: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)
    folder: Path | None = None

    def __post_init__(self) -> None:
        self.mark_start = starts(self.columns['number'])
        self.partial = bool((self.columns['vocabulary'] >= 0).any())
        self.negatives = self.partial or bool(self.columns['negative'].any())
        self.lines = len(self.columns['points']) > len(self.columns['label'])
        # Clicks have one point each, so that a mark's position is its point's.
        self.point_start = starts(self.columns['length']) if self.lines else None

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
        content = dict(
            vocabularies=self.vocabularies,
            fractions=self.fractions,
            report=self.report,
            messages=self.messages,
        )
        text = json.dumps(content, ensure_ascii=True)
        (folder / 'set.json').write_text(text, encoding='utf-8')

    @classmethod
    def load(cls, folder: Path) -> 'ClickSet':
        """Map what :class:`Columns` and :meth:`save` wrote.

        Raises:
            Exception: Something is absent, cut short or of another kind.
        """
        content = json.loads((folder / 'set.json').read_text(encoding='utf-8'))
        names = {
            name: NameList(_map(folder, name), _map(folder, f'{name}_start'))
            for name in ('ids', 'files')
        }
        columns = {name: _map(folder, name) for name in COLUMNS}
        content['vocabularies'] = [tuple(ids) for ids in content['vocabularies']]
        found = cls(**names, columns=columns, **content, folder=folder)
        marks = len(columns['label'])
        points = found.point_start[-1] if found.lines else marks
        lengths = [
            {len(found), len(found.ids), len(found.files), len(columns['vocabulary'])},
            {marks, found.mark_start[-1], len(columns['negative']), len(columns['length'])},
            {points, len(columns['points'])},
            *({names[n].start[-1], len(names[n].text)} for n in names),
        ]
        if any(len(length) > 1 for length in lengths):
            raise ValueError(f'{folder}: columns of different lengths')
        return found


def _map(folder: Path, name: str) -> np.ndarray:
    path = folder / f'{name}.npy'
    try:
        return np.load(path, mmap_mode='r', allow_pickle=False)
    except ValueError:
        column = np.load(path, allow_pickle=False)
        if len(column):  # only a column without rows cannot be mapped
            raise
        return column
