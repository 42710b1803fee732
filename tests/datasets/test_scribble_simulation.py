"""Simulated scribbles stay inside their parts, "no" points say what is true."""

import itertools
import runpy
import sys

import numpy as np
import pytest
from PIL import Image
from skimage.draw import line as draw_line
from toy import REPOSITORY

from mmseg_weak.datasets.formats import read_annotations
from mmseg_weak.datasets.scribble_simulation import ScribbleSimulator, simulate_noes


@pytest.fixture
def mask():
    """A ring, a bar and a speck on background, a part of no class."""
    y, x = np.mgrid[:60, :80]
    radius = np.hypot(y - 28, x - 26)
    mask = np.zeros((60, 80), np.uint8)
    mask[(radius > 12) & (radius < 22)] = 1
    mask[5:50, 60:68] = 2
    mask[55:58, 70:74] = 2
    mask[:, 78:] = 255
    return mask


def pixels_of(line):
    corners = np.floor(line).astype(int)
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        yield from zip(*draw_line(y0, x0, y1, x1))


def test_lines_run_along_the_middle(mask):
    found = ScribbleSimulator(tolerance=0.5)(mask, 'a')
    assert [label for label, _ in found] == [
        0,
        0,
        1,
        2,
    ]  # inside the ring is background too
    for label, line in found:
        hit = [mask[pixel] == label for pixel in pixels_of(line)]
        assert np.mean(hit) == 1
        assert np.all(np.array(line) % 1 == 0.5)
    ring = np.array(found[2][1])
    assert np.abs(np.hypot(ring[:, 1] - 28.5, ring[:, 0] - 26.5) - 17).max() < 3
    assert np.ptp(np.array(found[3][1])[:, 1]) > 15  # the bar is 45 high, 80 % of a way
    assert ScribbleSimulator(tolerance=0.5)(mask, 'a') == found
    assert ScribbleSimulator(tolerance=0.5, seed=1)(mask, 'a') != found


def test_noes_are_true(mask):
    found = simulate_noes(mask, 'a', [1, 2], 40)
    assert len(found) == 40
    assert all(mask[int(y), int(x)] not in (label, 255) for label, x, y in found)
    assert {label for label, _, _ in found} == {1, 2}
    assert simulate_noes(np.full((4, 4), 1), 'a', [1], 3) == []


def test_noes_deny_what_a_network_expects(mask):
    expected = np.roll(mask, 4, axis=1)
    found = simulate_noes(mask, 'a', [1, 2], 20, expected=expected)
    assert len(found) == 20
    for label, x, y in found:
        assert label == expected[int(y), int(x)]
        assert mask[int(y), int(x)] not in (label, 255)
    assert simulate_noes(mask, 'a', [1, 2], 3, expected=mask) == []
    with pytest.raises(ValueError, match='a: the mask has shape'):
        simulate_noes(mask, 'a', [1, 2], 3, expected=expected[:-1])


@pytest.mark.parametrize('options', [dict(length=0), dict(min_area=0), dict(seed=-1)])
def test_wrong_options(options):
    with pytest.raises(ValueError, match='must be'):
        ScribbleSimulator(**options)


def test_tool_writes_the_format_of_a_tool(mask, tmp_path, monkeypatch):
    (tmp_path / 'masks').mkdir()
    Image.fromarray(mask).save(tmp_path / 'masks/a.png')
    tool = REPOSITORY / 'tools/dataset_converters/simulate_scribbles.py'
    for end, words in {'a.xml': ['--to', 'cvat'], 'a.json': ['--no-points', '5']}.items():
        words = [
            str(tmp_path / 'masks'),
            str(tmp_path / end),
            '--classes',
            'a',
            'b',
            'c',
            *words,
        ]
        words += ['--to', 'clicks'] if end == 'a.json' else []
        monkeypatch.setattr(sys, 'argv', [str(tool), *words])
        runpy.run_path(str(tool), run_name='__main__')
    scribbles = read_annotations(tmp_path / 'a.xml')
    assert [m.label for m in scribbles.marks('lines')] == ['a', 'a', 'b', 'c']
    assert len(list(read_annotations(tmp_path / 'a.json').marks('no'))) == 5
