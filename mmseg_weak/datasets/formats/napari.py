"""napari: CSV of a points layer and of a shapes layer, row first, one file an image."""

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, image_file, write_table
from .collector import Collector, from_text
from .source import Source

# napari's pixel i is centred at i; here it covers [i, i + 1).
TO_CENTRE = 0.5
SHAPE_COLUMNS = ('index', 'shape-type', 'vertex-index', 'axis-0', 'axis-1')
LINES = ('path', 'line')


@READERS.register_module('napari-points')
class NapariPoints(Format):
    """``index,axis-0,axis-1`` (row, column) and properties, one of which is the class."""

    title = 'napari points CSV'
    suffixes = ('.csv',)
    per_image = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """Its first columns, without those of shapes."""
        header = source.header
        return {'index', 'axis-0', 'axis-1'} <= set(header) and 'shape-type' not in header

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line."""
        key = _class_column(source, options, ('index',))
        out.image(source.image_name, once=True)
        for where, line in source.records():
            out.where = where
            row, column = (from_text(line[k], k) + TO_CENTRE for k in ('axis-0', 'axis-1'))
            label = (line[key] if key else None) or options.class_name
            if label:
                out.click(column, row, label)
            else:
                out.leave_out('no class yet')

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a file for every image; the property is called ``label``."""
        for image, marks in annotations.by_image('points'):
            rows = ((m.y - TO_CENTRE, m.x - TO_CENTRE, m.label) for m in marks)
            rows = ((i, *row) for i, row in enumerate(rows))
            head = ('index', 'axis-0', 'axis-1', 'label')
            write_table(image_file(path, image, '.csv'), head, rows)


@READERS.register_module('napari-shapes')
class NapariShapes(Format):
    """Paths and lines as scribbles: one corner a line of the table."""

    title = 'napari shapes CSV'
    suffixes = ('.csv',)
    holds = ('lines',)
    per_image = True
    columns = ('shape-type', 'vertex-index', 'axis-0')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every shape, its corners in the order of ``vertex-index``."""
        key = _class_column(source, options, SHAPE_COLUMNS)
        out.image(source.image_name, once=True)
        shapes: dict[str, list] = {}
        for where, line in source.records():
            out.where = where
            row, column = (from_text(line[k], k) + TO_CENTRE for k in ('axis-0', 'axis-1'))
            corner = from_text(line['vertex-index'], 'vertex-index'), column, row
            label = (line[key] if key else None) or options.class_name
            shapes.setdefault(line['index'], []).append((corner, line['shape-type'], label))
        for index, corners in shapes.items():
            out.where = f'shape {index}'
            kinds = {(kind, label) for _, kind, label in corners}
            if len(kinds) > 1:
                raise ValueError(
                    f'its lines differ in type or class: {sorted(map(str, kinds))}'
                )
            ((kind, label),) = kinds
            if kind not in LINES:
                out.leave_out(f'{kind}, neither click nor scribble', label)
            elif not label:
                out.leave_out('no class: a shapes layer writes none, give class_name')
            else:
                out.line([corner[1:] for corner, _, _ in sorted(corners)], label)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a file for every image, with a column ``label`` beside napari's own."""
        for image, marks in annotations.by_image('lines'):
            rows = (
                (i, 'path', j, y - TO_CENTRE, x - TO_CENTRE, m.label)
                for i, m in enumerate(marks)
                for j, (x, y) in enumerate(m.points)
            )
            head = (*SHAPE_COLUMNS, 'label')
            write_table(image_file(path, image, '.csv'), head, rows)


def _class_column(
    source: Source, options: ReadOptions, known: tuple[str, ...]
) -> str | None:
    """The property that holds the class.

    Raises:
        ValueError: The points are in 3-D, or several properties could be it.
    """
    if 'axis-2' in source.header:
        raise ValueError(
            'the points have three axes (axis-0 is then the slice); save one slice as an '
            'image with points of its own'
        )
    axes = ('axis-0', 'axis-1', *known)
    return options.choose_key((n for n in source.header if n and n not in axes), 'property')
