from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_weak.datasets.click_budget import (
    ClickBudget,
    limit_per_class,
    limit_rank,
    sample_clicks,
    sample_images,
)
from mmseg_weak.datasets.click_table import ClickTable

clicks = st.lists(
    st.tuples(
        st.sampled_from('abcdef'),
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(0, 2),
        st.integers(0, 4),
    ),
    max_size=30,
)


def make_table(rows):
    # A distinct x tells every click apart.
    return ClickTable.from_rows([(i, n, y, c, r) for n, (i, _, y, c, r) in enumerate(rows)])


@settings(deadline=None)
@given(clicks, st.integers(1, 3))
def test_limit_per_class_equals_a_loop(rows, limit):
    kept, count = set(), Counter()
    for n in sorted(range(len(rows)), key=lambda n: rows[n][4]):
        key = rows[n][0], rows[n][3]
        if count[key] < limit:
            kept.add(n)
            count[key] += 1
    keep = limit_per_class(make_table(rows), limit)
    assert set(np.flatnonzero(keep)) == kept


@settings(deadline=None)
@given(clicks)
def test_limit_rank_keeps_unranked(rows):
    keep = limit_rank(make_table(rows), 2)
    assert keep.tolist() == [row[4] in (0, 1, 2) for row in rows]


def test_no_limit_keeps_all():
    table = make_table([('a', 0, 0, 0, 5)] * 3)
    for _, choose in ClickBudget().steps():
        assert choose(table).all()


@settings(deadline=None)
@given(clicks, st.floats(0.01, 1), st.integers(0, 5), st.randoms())
def test_samples_ignore_the_order_of_images(rows, fraction, seed, random):
    by_image = {}
    for row in make_table(rows).xy[:, 0].astype(int):
        by_image.setdefault(rows[row][0], []).append(row)
    names = list(by_image)
    random.shuffle(names)
    order = np.array([row for name in names for row in by_image[name]], dtype=int)
    table = make_table(rows)
    for sample in (sample_images, sample_clicks):
        here = sample(table, fraction, seed)
        there = sample(table.select(order), fraction, seed)
        assert (here[order] == there).all()


@pytest.mark.parametrize('sample', [sample_images, sample_clicks])
def test_samples_are_nested_seeded_and_sized(sample):
    table = make_table([(f'{n % 50:02d}', 0, 0, 0, 0) for n in range(200)])
    masks = [sample(table, fraction, 3) for fraction in (0.02, 0.1, 0.5, 1.0)]
    assert [mask.sum() for mask in masks] == [4, 20, 100, 200]
    for small, large in pairwise(masks):
        assert not (small & ~large).any()
    assert (sample(table, 0.5, 3) != sample(table, 0.5, 4)).any()
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    assert (sample(table, 0.5, 3) == masks[2]).all()
    assert (np.random.get_state()[1] == state).all()  # global state is left alone


def test_image_fraction_keeps_whole_images():
    table = make_table([(f'{n % 50:02d}', 0, 0, 0, 0) for n in range(200)])
    kept = Counter(table.image[sample_images(table, 0.1, 0)])
    assert len(kept) == 5
    assert set(kept.values()) == {4}


def test_a_sample_is_never_empty():
    table = make_table([('a', 0, 0, 0, 0), ('b', 0, 0, 0, 0)])
    assert sample_images(table, 0.01, 0).sum() == 1
    assert sample_clicks(table, 0.01, 0).sum() == 1


@pytest.mark.parametrize(
    'option, value',
    [
        ('max_rank', 0),
        ('max_rank', 1.5),
        ('clicks_per_class', -1),
        ('clicks_per_class', True),
        ('image_fraction', 0),
        ('image_fraction', 1.01),
        ('click_fraction', -0.1),
        ('click_fraction', float('nan')),
        ('click_fraction', '0.5'),
        ('seed', -1),
        ('seed', 'a'),
    ],
)
def test_option_out_of_range(option, value):
    with pytest.raises(ValueError, match=f'{option} must be'):
        ClickBudget(**{option: value})
