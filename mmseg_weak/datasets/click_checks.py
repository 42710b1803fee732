"""Clicks that are well-formed and cannot be right: another unit, one spot."""

import numpy as np

from .click_report import clicked_pixels
from .click_table import ClickTable

# Fewer marks than this prove nothing.
FEW, SOME = 4, 10
# Chance below which marks in a corner of their images are no accident.
UNLIKELY = 1e-9
PERCENT = 100


def check_clicks(clicks: ClickTable, sizes: np.ndarray | None) -> list[str]:
    """Refuse clicks whose positions or classes cannot be meant.

    Args:
        clicks (ClickTable): n marks with a class, all that the files have for the images.
        sizes (np.ndarray, optional): (n, 2) width and height of the image of each.

    Returns:
        list[str]: What looks odd and may be right, one line each.

    Raises:
        ValueError: All positions are fractions or percent of the image, the clicks of most
            images lie on one pixel, or most clicked pixels have several classes.
    """
    _check_unit(clicks, sizes)
    return [*_check_spots(clicks), *_check_contradictions(clicks)]


def _check_unit(clicks: ClickTable, sizes: np.ndarray | None) -> None:
    points = clicks.points
    if len(clicks) < FEW or points.min() < 0:
        return
    largest = points.max()
    if largest <= 1 and (points % 1).any():
        raise ValueError(
            f'all {len(clicks)} clicks lie between 0 and 1: they are fractions of the '
            'image and pixels are expected; multiply by its width and height'
        )
    if largest > PERCENT or sizes is None or not (points % 1).any():
        return
    chance = np.log(np.minimum(1, PERCENT / np.maximum(1, sizes))).sum()
    if chance < np.log(UNLIKELY):
        width, height = np.median(sizes, axis=0).astype(int)
        raise ValueError(
            f'none of {len(clicks)} clicks exceeds 100, images are {width}x{height}: they '
            'are percent of the image and pixels are expected; multiply by its size / 100'
        )


def _check_spots(clicks: ClickTable) -> list[str]:
    """Images whose clicks all lie on one pixel."""
    pixels = np.floor(clicks.xy).astype(np.int64)
    order = np.lexsort((*pixels.T, clicks.image_index))
    rows = (clicks.image_index[order], *pixels[order].T)
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.logical_or.reduce([np.diff(values) != 0 for values in rows])
    spots = rows[0][new]
    number = len(clicks.images)
    marks = np.bincount(clicks.image_index, minlength=number)
    several = marks > 2
    one = several & (np.bincount(spots, minlength=number) == 1)
    if not one.any():
        return []
    image = clicks.images[int(np.flatnonzero(one)[0])]
    text = (
        f'the clicks of {one.sum()} of {several.sum()} images with several lie on one '
        f'pixel, such as all {marks[one][0]} of {image}'
    )
    if several.sum() >= FEW and one.sum() > several.sum() / 2:
        raise ValueError(f'{text}: positions got lost; look at the file')
    return [text]


def _check_contradictions(clicks: ClickTable) -> list[str]:
    pixels, contradicting = clicked_pixels(clicks)
    if pixels >= SOME and contradicting > pixels / 2:
        raise ValueError(
            f'{contradicting} of {pixels} clicked pixels are clicked as several classes; '
            'such pixels teach nothing: are two files given that do not belong together?'
        )
    return []
