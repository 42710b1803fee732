"""Panels: every picture says what its arrays say."""

import numpy as np
import pytest
from mmseg.datasets import PascalVOCDataset

from mmseg_weak.visualization import draw_clicks, join_row, legend, overlay
from mmseg_weak.visualization.panels import enlarge, titled, visible_palette

PALETTE = [(0, 0, 0), (255, 0, 0), (0, 0, 255)]
GREY = np.full((30, 40, 3), 100, np.uint8)


def test_overlay_tints_objects_darkens_background_and_leaves_void():
    labels = np.zeros((30, 40), np.uint8)
    labels[5:15, 5:15] = 1
    labels[20:28, 20:38] = 255
    drawn = overlay(GREY, labels, PALETTE, alpha=0.4)
    assert drawn[10, 10].tolist() == [162, 60, 60]
    assert drawn[5, 5].tolist() == [255, 128, 128]
    assert drawn[2, 2].tolist() == [80, 80, 80]
    assert drawn[24, 30].tolist() == [100, 100, 100]
    assert (GREY == 100).all()


def test_overlay_outline_is_exactly_the_border_of_the_region():
    labels = np.zeros((30, 40), np.uint8)
    labels[5:15, 5:15] = 2
    pure = (overlay(GREY, labels, PALETTE) == [128, 128, 255]).all(-1)
    expected = np.zeros_like(pure)
    expected[5:15, 5:15] = True
    expected[6:14, 6:14] = False
    np.testing.assert_array_equal(pure, expected)


def test_overlay_without_background_tints_every_class():
    drawn = overlay(GREY, np.zeros((30, 40), np.uint8), PALETTE, 0.5, background=None)
    assert (drawn == 50).all()
    with pytest.raises(ValueError, match='do not fit together'):
        overlay(GREY, np.zeros((30, 41), np.uint8), PALETTE)


def test_a_click_has_its_colour_inside_white_around_and_stays_local():
    drawn = draw_clicks(GREY, [[20.5, 15.5]], [1], PALETTE, radius=4)
    assert drawn[15, 20].tolist() == [255, 0, 0]
    assert (drawn[15, 17:24] == [255, 0, 0]).all()
    assert (drawn[15, 25] > 200).all()
    y, x = np.mgrid[:30, :40]
    far = np.hypot(x - 20, y - 15) > 9
    assert (drawn[far] == 100).all()
    np.testing.assert_array_equal(drawn[:, 1:40], drawn[:, 1:40][:, ::-1])


@pytest.mark.parametrize('xy', [(0.2, 0.2), (39.9, 29.9), (-3.0, 15.0), (500.0, 2.0)])
def test_clicks_at_and_beyond_the_border_are_drawn_as_far_as_they_show(xy):
    big = np.full((90, 120, 3), 100, np.uint8)
    inner = draw_clicks(GREY, [xy], [2], PALETTE)
    outer = draw_clicks(big, [[xy[0] + 40, xy[1] + 30]], [2], PALETTE)
    np.testing.assert_array_equal(inner, outer[30:60, 40:80])


def test_later_clicks_cover_earlier_ones_and_none_changes_nothing():
    drawn = draw_clicks(GREY, [[20.5, 15.5], [20.5, 15.5]], [1, 2], PALETTE)
    assert drawn[15, 20].tolist() == [0, 0, 255]
    np.testing.assert_array_equal(draw_clicks(GREY, np.zeros((0, 2)), [], PALETTE), GREY)


def test_enlarge_repeats_pixels():
    labels = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(enlarge(labels, 2), np.kron(labels, np.ones((2, 2))))


def test_row_keeps_the_tiles_and_titles_are_written():
    tiles = {'left': GREY, 'right': GREY[:20] // 2}
    row = join_row(tiles)
    bar = titled(GREY, '').shape[0] - 30
    assert row.shape == (bar + 30, 84, 3)
    np.testing.assert_array_equal(row[bar:, :40], GREY)
    np.testing.assert_array_equal(row[bar : bar + 20, 44:], GREY[:20] // 2)
    assert (row[bar + 20 :, 44:] == 255).all()
    assert (row[:bar, :40] < 128).any()
    assert (titled(GREY, '')[:bar] == 255).all()


def test_legend_shows_every_colour_and_wraps():
    classes = ['background', 'a cat', 'a very long class name']
    wide, narrow = (legend(classes, PALETTE, width) for width in (600, 120))
    assert wide.shape[1:] == (600, 3)
    assert narrow.shape[0] >= 2 * wide.shape[0] - 4
    for picture in (wide, narrow):
        for colour in PALETTE:
            assert (picture == colour).all(-1).sum() > 60


def test_dark_palettes_are_brightened_and_stay_distinct():
    dark = np.array(PascalVOCDataset.METAINFO['palette'])
    bright = visible_palette(dark)
    assert bright[0].tolist() == [0, 0, 0]
    assert (bright[1:].max(1) > 100).all()
    assert len(np.unique(bright, axis=0)) == len(dark)
    order = np.argsort(dark[:, 0], kind='stable')
    assert (np.diff(bright[order, 0].astype(int)) >= 0).all()
    assert visible_palette(PALETTE).tolist() == [list(colour) for colour in PALETTE]
    assert visible_palette([(0, 0, 0)], background=None).tolist() == [[0, 0, 0]]
