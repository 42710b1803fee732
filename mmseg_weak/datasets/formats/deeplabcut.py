"""DeepLabCut CSV: a line an image, columns by scorer, individual, body part, coordinate."""

from collections import Counter

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_table
from .collector import Collector, from_text
from .source import Source

SCORER = 'clicks'


@READERS.register_module('deeplabcut')
class DeepLabCut(Format):
    """The class is the body part. An empty cell is a point that nobody set.

    Whether a whole number is the corner or the centre of a pixel is not documented:
    positions stay as they are, up to half a pixel off. A file with ``likelihood`` holds
    predictions.
    """

    title = 'DeepLabCut CSV'
    suffixes = ('.csv',)

    @staticmethod
    def sniff(source: Source) -> bool:
        """Its first cell."""
        return source.header[:1] == ['scorer']

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line below the three or four of the header."""
        lines = source.rows()
        heads: dict[str, list[str]] = {}
        while 'coords' not in heads:
            _, cells = next(lines, ('', []))
            if not cells or len(heads) > 3:
                raise ValueError('no line that begins with "coords" among the first four')
            heads[cells[0]] = cells
        parts, coords = heads['bodyparts'], heads['coords']
        if 'x' not in coords or len(parts) != len(coords):
            raise ValueError('no column of x, or header lines of different lengths')
        first = coords.index('x')
        if 'likelihood' in coords and not options.machine_labels:
            raise ValueError(
                'holds predictions (likelihood); say machine_labels to take them'
            )
        for where, cells in lines:
            out.name, out.where = '', where
            if len(cells) != len(coords):
                raise ValueError(f'{len(cells)} values for {len(coords)} columns')
            out.image('/'.join(filter(None, cells[:first])), once=True)
            for i in range(first, len(coords) - 1):
                if (coords[i], coords[i + 1]) != ('x', 'y'):
                    continue
                x, y = cells[i : i + 2]
                if x.lower() in ('', 'nan') and y.lower() in ('', 'nan'):
                    continue
                out.click(from_text(x, 'x'), from_text(y, 'y'), parts[i])

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write the clicks; several of a class in an image are so many individuals."""
        rows, most = {}, Counter()
        for image, marks in annotations.by_image('points'):
            number: Counter = Counter()
            rows[image] = {}
            for mark in marks:
                rows[image][mark.label, number[mark.label]] = mark.points[0]
                number[mark.label] += 1
            most |= number
        columns = [(name, i) for name in most for i in range(most[name])]
        head = {
            'scorer': [SCORER for _ in columns],
            'individuals': [f'individual{i + 1}' for _, i in columns],
            'bodyparts': [name for name, _ in columns],
        }
        lines = [(name, *(c for c in cells for _ in 'xy')) for name, cells in head.items()]
        lines.append(('coords', *(axis for _ in columns for axis in 'xy')))
        for image, points in rows.items():
            cells = (v for column in columns for v in points.get(column, ('', '')))
            lines.append((image, *cells))
        write_table(path, lines[0], lines[1:])
