"""Whether clicks lie where photographs can be clicked."""

import numpy as np

from ..datasets.click_checks import check_clicks
from ..datasets.click_marks import marks_inside
from ..datasets.click_table import ClickTable
from ..datasets.formats.checks import check_positions

# Share of clicks outside their photographs that no slip of the hand explains.
MOST_OUTSIDE = 0.25


def check_places(clicks: ClickTable, sizes: np.ndarray) -> list[str]:
    """What training would refuse or leave out.

    Args:
        clicks (ClickTable): n marks, n >= 1.
        sizes (np.ndarray): (n, 2) width and height of the photograph of each.

    Returns:
        list[str]: What the user should read, one line each.

    Raises:
        ValueError: Positions cannot be meant, or more than a quarter of the clicks lie
            outside their photographs.
    """
    notes = check_clicks(clicks, sizes)
    notes += check_positions(clicks.points, sizes[clicks.point_rows()])
    inside = marks_inside(clicks, sizes)
    if inside.all():
        return notes
    text, causes = _outside(clicks, sizes, inside)
    if np.mean(~inside) > MOST_OUTSIDE:
        raise ValueError(f'{text}: {causes}')
    return [*notes, f'{text}; they are not used: {causes}']


def _outside(clicks: ClickTable, sizes: np.ndarray, inside: np.ndarray) -> tuple[str, str]:
    """How many clicks lie outside, with the first of them, and what it may come from."""
    rows = np.flatnonzero(~inside)
    first = rows[0]
    (x, y), (width, height) = clicks.xy[first], sizes[first]
    text = (
        f'{len(rows)} of {len(clicks)} clicks lie outside their photograph, the first at '
        f'({x:g}, {y:g}) of {clicks.image[first]}, which is {width}x{height}'
    )
    swapped = clicks.xy[rows][:, ::-1]
    fit = ((swapped >= 0) & (swapped < sizes[rows])).all(1).sum()
    causes = 'were they clicked in photographs of another size, or on a screen?'
    if fit:
        causes = f'with x and y exchanged {fit} of them lie inside; or {causes}'
    return text, causes
