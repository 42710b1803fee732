"""Markdown tables."""

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a head.

    Args:
        head (Sequence[str]): Names of the columns.
        rows (Iterable[Sequence]): Cells of each row, as many as columns; written as text.

    Returns:
        str: Lines without a line break at the end.

    Raises:
        ValueError: A row has another number of cells.
    """
    lines = [list(head), ['---'] * len(head)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f'{len(head)} columns, but a row of {len(row)} cells: {row}')
        lines.append([str(cell) for cell in row])
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
