"""What a format can hold comes back from it, through every writer."""

import numpy as np
import pytest
from golden import GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_golden import listed_clicks, listed_tags, same_marks

from mmseg_weak.datasets.formats import ReadOptions, read_annotations, write_annotations
from mmseg_weak.datasets.formats.collector import Collector
from mmseg_weak.datasets.formats.writing import lost_in, writable_formats
from mmseg_weak.registry import READERS

SIZES = {'sub/a.jpg': (40, 30), 'b.jpg': (7, 5), 'ä ö.jpg': (20, 20)}
CLASSES = ['cat', 'red panda', 'Tumor: Positive', 'Übergang, "x"']

position = st.tuples(
    st.integers(0, 27).map(lambda n: n / 4), st.integers(0, 19).map(lambda n: n / 4)
)
marks = st.tuples(
    st.sampled_from(list(SIZES)),
    st.lists(position, min_size=1, max_size=4, unique=True),
    st.sampled_from(CLASSES),
    st.booleans(),
)
tags = st.tuples(st.sampled_from(list(SIZES)), st.sampled_from(CLASSES))


def build(rows, tag_rows):
    out = Collector()
    for image, size in SIZES.items():
        out.image(image, size)
    for image, points, label, negative in rows:
        out.image(image)
        if len(points) > 1:
            out.line(points, label, negative=negative)
        else:
            out.click(*points[0], label, negative=negative)
    for image, label in tag_rows:
        out.image(image)
        out.tag(label)
    return out.finish('made', 'test')


def held(found, entry) -> list[tuple]:
    """Marks that a format takes, in an order that no format changes."""
    kept = list(found.marks(*(k for k in entry.holds if k != 'tags')))
    points = [
        (
            m.image,
            np.floor(m.points) if entry.whole_pixels else m.points,
            m.label,
            m.negative,
        )
        for m in kept
    ]
    return sorted(
        (image, [tuple(map(float, p)) for p in place], label, negative)
        for image, place, label, negative in points
    )


def come_back(name, found, folder):
    """Write and read; gives what came back, None when there was nothing to write."""
    entry = READERS.get(name)
    path = folder / ('out' if entry.per_image else f'out{entry.suffixes[0]}')
    try:
        lost = write_annotations(path, found, name)
    except ValueError as error:
        assert 'nothing' in str(error)
        return None
    pixels = [line for line in lost if line.startswith('parts of a pixel')]
    assert lost == lost_in(found, entry.holds) + pixels
    options = ReadOptions()
    if name == 'open-images':
        options = ReadOptions(images=str(folder / 'images'))
    return read_annotations(path, options=options)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(marks, max_size=8), tag_rows=st.lists(tags, max_size=4))
@pytest.mark.parametrize('name', writable_formats())
def test_marks_come_back(name, rows, tag_rows, tmp_path_factory, jpegs):
    found, entry = build(rows, tag_rows), READERS.get(name)
    folder = tmp_path_factory.mktemp('trip')
    (folder / 'images').symlink_to(jpegs)
    again = come_back(name, found, folder)
    if again is None:
        return
    expected, read = held(found, entry), held(again, entry)
    # A line within one pixel is a click once its corners are whole pixels.
    expected = [(i, p if len(set(p)) > 1 else p[:1], c, n) for i, p, c, n in expected]
    assert [m[0::2] for m in read] == [m[0::2] for m in expected]
    for (_, points, _, _), (_, right, _, _) in zip(read, expected):
        np.testing.assert_allclose(points, right, atol=1e-6, rtol=0)
    if 'tags' in entry.holds:
        images = set(again.tags.images)
        assert set(listed_tags(again)) == set(listed_tags(found))
        assert images <= set(SIZES)


@pytest.fixture(scope='module')
def jpegs(tmp_path_factory):
    """Images of the sizes above."""
    from golden import picture

    folder = tmp_path_factory.mktemp('images')
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture(*size))
    return folder


@pytest.mark.parametrize('name', ['cvat', 'labelme', 'datumaro'])
def test_golden_exports_pass_on_everything(name, tmp_path):
    path, options = GOLDEN[name].write(tmp_path / 'export')
    found = read_annotations(path, options=options)
    again = come_back(name, found, tmp_path)
    same_marks(again, listed_clicks(found))
    assert listed_tags(again) == listed_tags(found)
    assert again.sizes == found.sizes


def test_a_format_that_cannot_hold_it_says_so(tmp_path):
    only_lines = build([('b.jpg', [(1, 1), (2, 2)], 'cat', False)], [])
    with pytest.raises(
        ValueError, match=r'can hold nothing of it \(1 scribbles not written'
    ):
        write_annotations(tmp_path / 'c.csv', only_lines, 'clicks-csv')
    with pytest.raises(ValueError, match=r"format 'bmp' cannot be written, those that can"):
        write_annotations(tmp_path / 'c.json', only_lines, 'bmp')
    assert not list(tmp_path.iterdir())
    no_size = build([('b.jpg', [(1, 1)], 'cat', False)], [])
    no_size.sizes.clear()
    with pytest.raises(
        ValueError, match=r"size of image 'sub/a\.jpg' is not known; .*--images"
    ):
        write_annotations(tmp_path / 'c.xml', no_size, 'cvat')
