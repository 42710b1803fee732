"""A table of any length, line by line, into a click table: constant memory, resumable.

The lines are parsed in blocks and parted by the hash of their image into files, one for
each shard to be; then each shard is sorted in memory. What was done so far is written down
every few blocks, so that the same call goes on after a kill.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from ..._files import write_json
from ..click_shards import FRACTIONS, PIXELS, VERSION, StoreIndex, write_shard
from ..name_list import NameList
from ..row_ranges import starts
from .annotations import KINDS, Annotations, count_kinds, report_text
from .base import ReadOptions
from .blocks import Position, blocks
from .class_edit import ClassEdit
from .click_table_folder import shard_columns
from .collector import Collector
from .reading import read_block
from .source import Source

# Of the text; a shard is sorted in memory.
SHARD_BYTES, MOST_SHARDS = 1 << 26, 256
SAVE_EVERY = 8
ROW = np.dtype(
    [
        ('image', np.uint64),
        ('x', np.float64),
        ('y', np.float64),
        ('label', np.int32),
        ('rank', np.int32),
        ('negative', np.bool_),
        ('tag', np.bool_),
    ]
)
FRACTION_FORMATS = ('open-images',)


class TableConversion:
    """Conversion of one file.

    Args:
        source (Source): A table with one entry a line.
        name (str): Its format.
        out (str | os.PathLike): The folder to write; beside it stands
            ``.<name>.partial`` until it is complete.
        options (ReadOptions): What the user says about the source.
        edit (ClassEdit, optional): What becomes of its classes. Defaults to None.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        out: str | os.PathLike,
        options: ReadOptions,
        edit: ClassEdit | None = None,
    ) -> None:
        self.source, self.name, self.out = source, name, Path(out)
        self.options, self.edit = options, edit or ClassEdit()
        self.work = self.out.with_name(f'.{self.out.name}.partial')
        stat = os.stat(source.path)
        self.num_bytes = stat.st_size
        self.num_shards = min(MOST_SHARDS, 1 + self.num_bytes // SHARD_BYTES)
        self.key = json.loads(
            json.dumps(
                [VERSION, os.path.abspath(source.path), stat.st_size, stat.st_mtime_ns]
                + [name, self.num_shards, vars(options), vars(self.edit)],
                default=str,
            )
        )
        self.classes: dict[object, int] = {}
        self.first: list[str] = []
        self.left_out: Counter = Counter()
        self.counts: Counter = Counter()
        self.notes: dict[str, None] = {}
        self.position = Position()

    def run(self) -> StoreIndex:
        """Convert, from where an interrupted conversion of the same file ended.

        Returns:
            StoreIndex: What was found.

        Raises:
            ValueError: A line is malformed, there is no mark, or the disk is full.
        """
        try:
            self._resume()
            with Progress(console=Console(stderr=True), transient=True) as progress:
                self._part(progress)
                index = self._sort(progress)
            self._put_in_place(index)
        except OSError as error:
            raise ValueError(f'{self.out} cannot be written ({error})') from None
        except ValueError:
            shutil.rmtree(self.work)  # there is no going on with this file
            raise
        return index

    def report(self, index: StoreIndex) -> str:
        """What was read of each class, what was left out and why, one line each."""
        images = sum(shard[0] for shard in index.shards)
        names = ['' if name is None else str(name) for name in index.classes]
        head = f'{self.source.path}: {self.name}, {images} images'
        return report_text(head, names, index.counts, index.left_out, index.notes)

    def _part(self, progress: Progress) -> None:
        """Part the lines by image."""
        task = progress.add_task(f'{self.source.name}', total=self.num_bytes)
        files = [open(p, 'ab') for p in (*self._rows(), *self._names())]  # noqa: SIM115
        try:
            parts = enumerate(blocks(self.source, self.position), 1)
            for number, (block, end) in parts:
                out = Collector()
                read_block(out, self.name, block, self.options)
                self._spill(
                    self.edit.of_part(out.finish(self.source.path, self.name)), files
                )
                self.position = end
                progress.update(task, completed=end.offset)
                if number % SAVE_EVERY == 0:
                    self._save(files)
            self._save(files)
        finally:
            for file in files:
                file.close()
        progress.update(task, completed=self.num_bytes)

    def _spill(self, found: Annotations, files: list) -> None:
        """Append the marks of a block to the files of their shards."""
        codes = self._class_codes(found)
        self.left_out.update(found.left_out)
        self.notes.update(dict.fromkeys(found.notes))
        for old, counts in enumerate(count_kinds(found)):
            for kind, number in enumerate(counts.tolist()):
                self.counts[int(codes[old]), kind] += number
        names = NameList.of(found.clicks.images)
        hashes = names.hashes()
        image, columns = shard_columns(found)
        rows = np.zeros(len(image), ROW)
        rows['image'] = hashes[image]
        length = np.diff(columns['point_start'])
        rows['tag'] = length == 0
        points = columns['points'][columns['point_start'][:-1][length > 0]]
        rows['x'][length > 0], rows['y'][length > 0] = points.T
        rows['label'] = codes[columns['label']]
        rows['rank'], rows['negative'] = columns['rank'], columns['negative']
        shard = self._shard_of(rows['image'])
        order = np.argsort(shard, kind='stable')
        ends = np.cumsum(np.bincount(shard, minlength=self.num_shards))
        of_name = self._shard_of(hashes)
        for i, part in enumerate(np.split(rows[order], ends[:-1])):
            files[i].write(part.tobytes())
            listed = names.select(np.flatnonzero(of_name == i))
            files[self.num_shards + i].write(''.join(f'{n}\n' for n in listed).encode())

    def _class_codes(self, found: Annotations) -> np.ndarray:
        """Code over all blocks of each class of one; in the order in which they come."""
        codes = np.zeros(len(found.classes), dtype=np.int64)
        for i, name in enumerate(found.classes):
            codes[i] = self.classes.setdefault(name, len(self.classes))
            if codes[i] == len(self.first):
                self.first.append(found.first[i])
        return codes

    def _shard_of(self, hashes: np.ndarray) -> np.ndarray:
        """Shards are ranges of the hash, so that the whole is in its order."""
        high = (hashes >> np.uint64(32)).astype(np.int64)
        return (high * self.num_shards) >> 32

    def _sort(self, progress: Progress) -> StoreIndex:
        """Group the marks of each shard by image."""
        table = self.work / 'table'
        table.mkdir(exist_ok=True)
        shards = []
        files = list(zip(self._rows(), self._names()))
        for i, (rows, names) in progress.track(
            list(enumerate(files)), description='sorting'
        ):
            folder, note = table / f'{i:04d}', self.work / f'{i:04d}.json'
            if not note.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                write_json(note, _write_shard(folder, rows, names))
            shards.append(json.loads(note.read_text()))
        kinds = range(len(KINDS))
        counts = [[self.counts[i, kind] for kind in kinds] for i in range(len(self.first))]
        return StoreIndex(
            shards=shards,
            unit=FRACTIONS if self.name in FRACTION_FORMATS else PIXELS,
            classes=list(self.classes),
            first=self.first,
            counts=counts,
            left_out=[[*key, number] for key, number in self.left_out.items()],
            notes=list(self.notes),
        )

    def _put_in_place(self, index: StoreIndex) -> None:
        self.edit.finish(index, self.source.path)
        if not sum(shard[1] for shard in index.shards):
            raise ValueError(f'{self.source.path}: there is nothing to write')
        index.write(self.work / 'table')
        if self.out.exists():
            self.out.rename(self.work / 'old')
        (self.work / 'table').rename(self.out)
        shutil.rmtree(self.work)

    def _rows(self) -> list[Path]:
        return [self.work / f'{i:04d}.rows' for i in range(self.num_shards)]

    def _names(self) -> list[Path]:
        return [self.work / f'{i:04d}.names' for i in range(self.num_shards)]

    def _save(self, files: Sequence) -> None:
        """Write down how far it went; what files hold beyond is cut off on a resume."""
        for file in files:
            file.flush()
        state = dict(
            key=self.key,
            position=self.position,
            sizes=[file.tell() for file in files],
            classes=list(self.classes),
            first=self.first,
            left_out=[[*key, n] for key, n in self.left_out.items()],
            counts=[[*key, n] for key, n in self.counts.items()],
            notes=list(self.notes),
        )
        write_json(self.work / 'state.json', state)

    def _resume(self) -> None:
        """Go back to what was written down last, or begin."""
        try:
            state = json.loads((self.work / 'state.json').read_text())
        except (OSError, ValueError):
            state = {}
        files = [*self._rows(), *self._names()]
        if state.get('key') != self.key or any(
            not path.is_file() or path.stat().st_size < size
            for path, size in zip(files, state['sizes'])
        ):  # another source, or a crash of the machine took what was written last
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir(parents=True)
            return
        for path, size in zip(files, state['sizes']):
            os.truncate(path, size)
        self.position = Position(*state['position'])
        self.classes = {name: i for i, name in enumerate(state['classes'])}
        self.first = state['first']
        self.left_out = Counter({(a, b): n for a, b, n in state['left_out']})
        self.counts = Counter({(a, b): n for a, b, n in state['counts']})
        self.notes = dict.fromkeys(state['notes'])


def _write_shard(folder: Path, rows: Path, names: Path) -> list[int]:
    """Read what was parted for a shard, and write it."""
    marks = np.fromfile(rows, ROW)
    with open(names, encoding='utf-8', newline='\n') as file:
        listed = list(dict.fromkeys(line[:-1] for line in file))
    hashes = NameList.of(listed).hashes()
    order = np.argsort(hashes)
    image = order[np.searchsorted(hashes[order], marks['image'])]
    points = ~marks['tag']
    columns = dict(
        label=marks['label'],
        rank=marks['rank'],
        negative=marks['negative'],
        point_start=starts(points),
        points=np.stack([marks['x'][points], marks['y'][points]], axis=1),
    )
    return write_shard(folder, listed, image, columns)
