"""From the marks of a list of images to what is trained: limits, checks and the report."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..constants import IGNORE_INDEX
from .click_budget import ClickBudget
from .click_checks import check_clicks
from .click_marks import MarksOfTable, marks_inside
from .click_report import ReportCounter
from .click_set import ClickSet, Columns
from .click_sources import MarksOfStore
from .click_table import KNOWS_ALL, ClickTable
from .formats.checks import check_positions

# So many images of a table on disk are taken at a time.
BLOCK_IMAGES = 1 << 14
# Whether positions and classes can be meant is told from so many marks.
CHECKED_MARKS = 1 << 20
Marks = MarksOfTable | MarksOfStore


@dataclass
class Preparation:
    """Choose and count the marks of a list of images.

    Attributes:
        images (Sequence[str]): Ids.
        files (Sequence[str]): Their files below the image folder.
        sizes (np.ndarray, optional): (n, 2) widths and heights; None: not known.
        marks (Sequence[Marks]): Of the click files.
        budget (ClickBudget): Limits.
        trained (np.ndarray): (256,) what is trained of each class id as in the files, 255
            for none.
        classes (Sequence[str]): Names of those trained.
        drop_unclicked (bool): Leave out images without a mark.
        source (str): The click files, for messages.
        messages (list): ``[level, text]`` for the log.

    Raises:
        ValueError: (by :meth:`run`) No image has a click, none is left, or they cannot be
            meant.
    """

    images: Sequence[str]
    files: Sequence[str]
    sizes: np.ndarray | None
    marks: Sequence[Marks]
    budget: ClickBudget
    trained: np.ndarray
    classes: Sequence[str]
    drop_unclicked: bool
    source: str
    messages: list = field(default_factory=list)

    def run(self, folder: Path | None = None) -> ClickSet:
        """The set that is trained.

        Args:
            folder (Path, optional): Where its columns are written. Defaults to None: they
                stay in memory.
        """
        fractions = any(marks.fractions for marks in self.marks)
        if fractions and not all(marks.fractions for marks in self.marks):
            raise ValueError(
                f'{self.source}: fractions and pixels can be joined with check_images=True'
            )
        report, columns = ReportCounter(self.classes), Columns(folder, fractions)
        vocabularies: dict[tuple[int, ...], int] = {}
        keep, self._taken = [], 0
        for first, block in self._blocks():
            if not self._taken:
                self._check(first, block, fractions)
            self._taken += len(block)
            block = self._limit(first, block, report)
            kept = np.arange(len(block.images))
            if self.drop_unclicked:
                kept, index = np.unique(block.image_index, return_inverse=True)
                names = tuple(block.images[i] for i in kept.tolist())
                block = replace(block, images=names, image_index=index)
            columns.append(block, self._vocabulary(block, vocabularies)[kept])
            keep.append(first + kept)
        self._refuse_none(report)
        return self._finish(np.concatenate(keep), columns, vocabularies, report, fractions)

    def _blocks(self) -> Iterator[tuple[int, ClickTable]]:
        """Marks of some images after the other; of all at once where a limit needs that."""
        number = len(self.images)
        whole = any(marks.in_memory for marks in self.marks) or self.budget.draws
        step = max(1, number if whole else BLOCK_IMAGES)
        for first in range(0, number, step):
            last = min(number, first + step)
            parts = [marks.take(first, last) for marks in self.marks]
            block = parts[0]
            if len(parts) > 1:
                block = ClickTable.concatenate(parts)
                block = block.select(np.argsort(block.image_index, kind='stable'))
            yield first, block

    def _check(self, first: int, block: ClickTable, fractions: bool) -> None:
        """Before any limit: what is left after one may prove nothing."""
        if not len(block) or fractions:
            return
        sizes = self._sizes_of(first, block)
        block = block.select(np.arange(min(len(block), CHECKED_MARKS)))
        sizes = None if sizes is None else sizes[: len(block)]
        notes = []
        try:
            if sizes is not None and not all(marks.in_memory for marks in self.marks):
                notes += check_positions(block.points, sizes[block.point_rows()])
            block, sizes = (
                block.select(~block.negative),
                (None if sizes is None else sizes[~block.negative]),
            )
            notes += check_clicks(block, sizes) if len(block) else []
        except ValueError as error:
            raise ValueError(f'{self.source}: {error}') from None
        self.messages += [[logging.WARNING, note] for note in notes]

    def _sizes_of(self, first: int, block: ClickTable) -> np.ndarray | None:
        """(n, 2) size of the image of each mark."""
        if self.sizes is None:
            return None
        return self.sizes[first : first + len(block.images)][block.image_index]

    def _limit(self, first: int, clicks: ClickTable, report: ReportCounter) -> ClickTable:
        """Apply every limit, counting what falls away."""

        def keep(reason: str, mask: np.ndarray) -> ClickTable:
            lost = int((~mask).sum())
            report.dropped[reason] += lost
            return clicks.select(mask) if lost else clicks

        clicks.label = self.trained[clicks.label]
        clicks, outside = keep('ignored_class', clicks.label != IGNORE_INDEX), None
        sizes = self._sizes_of(first, clicks)
        if sizes is not None:
            inside = marks_inside(clicks, sizes)
            outside = clicks.select(~inside)
            clicks = keep('outside_image', inside)
        for reason, choose in self.budget.steps():
            clicks = keep(reason, choose(clicks))
        report.add(clicks, outside)
        return clicks

    def _vocabulary(
        self, block: ClickTable, lists: dict[tuple[int, ...], int]
    ) -> np.ndarray:
        """(images,) position of what each image was searched for in lists of the whole."""
        known = [self.trained[list(v)].tolist() for v in block.vocabularies]
        known = [tuple(sorted(set(ids) - {IGNORE_INDEX})) for ids in known]
        codes = [lists.setdefault(ids, len(lists)) for ids in known]
        return np.array([*codes, KNOWS_ALL], dtype=np.int32)[block.vocabulary]

    def _refuse_none(self, report: ReportCounter) -> None:
        report.dropped['not_in_split'] = sum(m.total for m in self.marks) - self._taken
        if not self._taken:
            seen = [name for marks in self.marks for name in marks.seen][:2]
            found = f'the ids there look like {seen}' if seen else 'it holds no click'
            raise ValueError(
                f'no image has a click in {self.source}: {found}, those of the images look '
                f'like {list(self.images[:2])}'
            )
        if not report.clicks:
            raise ValueError(f'no click is left, dropped: {report.dropped}')

    def _finish(
        self,
        keep: np.ndarray,
        columns: Columns,
        vocabularies: dict,
        report: ReportCounter,
        fractions: bool,
    ) -> ClickSet:
        images, files, sizes = self.images, self.files, self.sizes
        if len(keep) < len(images):
            rows = keep.tolist()
            images, files = [images[i] for i in rows], [files[i] for i in rows]
            sizes = None if sizes is None else sizes[keep]
        return ClickSet(
            images,
            files,
            columns.finish(),
            list(vocabularies),
            fractions,
            report.report(len(images), sizes),
            self.messages,
        )
