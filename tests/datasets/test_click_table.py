"""The columnar table of marks against plain lists of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_weak.datasets.click_table import ClickTable
from mmseg_weak.datasets.formats.collector import Collector

marks = st.tuples(
    st.sampled_from(['a', 'b/c', 'd.jpg']),
    st.lists(
        st.tuples(st.integers(-9, 99), st.integers(0, 9)),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    st.sampled_from(['cat', 'dog']),
    st.booleans(),
)


def build(rows) -> ClickTable:
    out = Collector()
    for image, points, label, negative in rows:
        out.image(image)
        if len(points) > 1:
            out.line(points, label)
        else:
            out.click(*points[0], label, negative=negative)
    found = out.finish('file', 'test')
    return found.click_table(['cat', 'dog'].index)


def listed(table: ClickTable) -> list:
    return [
        (
            table.images[table.image_index[i]],
            [tuple(p) for p in table.points[table.start[i] : table.start[i + 1]].tolist()],
            ('cat', 'dog')[table.label[i]],
            bool(table.negative[i]),
        )
        for i in range(len(table))
    ]


def plain(rows) -> list:
    """Scribbles say never "no"."""
    return [(i, [*p], c, n and len(p) == 1) for i, p, c, n in rows]


@given(st.lists(marks, max_size=12), st.lists(marks, max_size=5), st.data())
def test_marks_come_back_joined_and_selected(rows, more, data):
    table = ClickTable.concatenate([build(rows), build(more)])
    everything = plain(rows + more)
    assert listed(table) == everything
    assert table.xy.tolist() == [list(p[0]) for _, p, _, _ in everything]
    assert table.is_line().tolist() == [len(p) > 1 for _, p, _, _ in everything]
    assert table.image.tolist() == [i for i, _, _, _ in everything]
    assert len(table.point_rows()) == len(table.points)
    picked = data.draw(
        st.lists(st.integers(0, len(everything) - 1), max_size=9)
        if everything
        else st.just([])
    )
    chosen = table.select(np.array(picked, dtype=np.int64))
    assert listed(chosen) == [everything[i] for i in picked]
    mask = np.isin(np.arange(len(table)), picked)
    assert listed(table.select(mask)) == [everything[i] for i in sorted(set(picked))]


def test_images_that_become_equal_merge_and_join_what_they_know():
    table = ClickTable.from_rows(
        [('x/a', 1, 2, 3, 4), ('y/a', 5, 6, 7, 8), ('b', 0, 0, 1, 0)]
    )
    merged = table.rename(lambda name: name.split('/')[-1])
    assert merged.images == ('a', 'b')
    assert merged.image.tolist() == ['a', 'a', 'b']
    first = ClickTable.from_rows([('a', 1, 2, 0, 0), ('b', 1, 2, 0, 0), ('c', 1, 2, 0, 0)])
    second = ClickTable.from_rows([('a', 1, 2, 2, 0), ('b', 1, 2, 2, 0), ('d', 1, 2, 2, 0)])
    first.vocabularies, first.vocabulary = ((0, 1),), np.array([0, 0, 0], np.int32)
    second.vocabularies, second.vocabulary = ((1, 2),), np.array([0, -1, 0], np.int32)
    both = ClickTable.concatenate([first, second])
    known = {
        i: both.vocabularies[v] for i, v in zip(both.images, both.vocabulary) if v >= 0
    }
    assert known == {'a': (0, 1, 2), 'c': (0, 1), 'd': (1, 2)}  # b is known in full


@pytest.mark.parametrize(
    'names, message',
    [(['a/b', 'a\\b'], "two images are called 'a/b'"), ([''], 'no image id')],
)
def test_images_that_collide_are_refused(names, message):
    out = Collector()
    with pytest.raises(ValueError, match=message):
        for name in names:
            out.image(name)
