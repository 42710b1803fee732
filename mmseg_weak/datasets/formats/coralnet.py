"""CoralNet CSV: ``Name,Row,Column`` and the label's code or id."""

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_table
from .collector import Collector, from_text
from .source import Source

CODES = ('Label code', 'Label')
ID = 'Label ID'
ANNOTATOR = 'Annotator'
USED = ('Name', 'Row', 'Column', *CODES, ID, ANNOTATOR)


@READERS.register_module('coralnet')
class CoralNet(Format):
    """Whole pixels, row first. Codes that differ in case only are one class.

    Where a line has an id and a code, lines of one id are one class, whatever their code.
    Labels of the robot are left out unless asked for.
    """

    title = 'CoralNet CSV'
    suffixes = ('.csv',)
    whole_pixels = True
    columns = ('Name', 'Row', 'Column')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line."""
        out.note_unused(source.header, USED)
        spelling: dict[str, str] = {}
        for where, line in source.records():
            out.name, out.where = '', where
            out.image(line['Name'])
            row, column = (from_text(line[key], key) for key in ('Row', 'Column'))
            if row % 1 or column % 1:
                raise ValueError(f'Row and Column are whole numbers, got {row}, {column}')
            code, number = (
                next((line[c] for c in CODES if line.get(c)), ''),
                line.get(ID, ''),
            )
            label = spelling.setdefault(number or code.lower(), code or number)
            if 'robot' in line.get(ANNOTATOR, '').lower() and not options.machine_labels:
                out.leave_out('set by a machine', label)
            elif not label:
                out.leave_out('no class yet')
            else:
                out.click(column, row, label)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a line for each click."""
        marks = annotations.marks('points')
        rows = ((m.image, int(m.y // 1), int(m.x // 1), m.label) for m in marks)
        write_table(path, ('Name', 'Row', 'Column', 'Label code'), rows)
