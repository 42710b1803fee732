import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmseg_weak.datasets.transforms import LoadClicks, RasterizeClicks


def rasterize_slowly(xy, labels, shape, radius):
    """Every pixel asks every click."""
    seg_map = np.full(shape, 255, np.uint8)
    for row in range(shape[0]):
        for column in range(shape[1]):
            reached = {}
            for (x, y), label in zip(xy, labels):
                distance = (int(x) - column) ** 2 + (int(y) - row) ** 2
                if distance <= radius**2:
                    reached.setdefault(distance, set()).add(label)
            if reached and len(nearest := reached[min(reached)]) == 1:
                seg_map[row, column] = nearest.pop()
    return seg_map


click = st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(0, 2))


@settings(deadline=None, max_examples=150)
@given(st.lists(click, max_size=8), st.sampled_from([0, 1, 1.5, 2, 3, 4.3]))
@example([(2, 2, 0), (2, 2, 1), (2, 2, 0)], 2)
@example([(2, 2, 0), (4, 2, 1)], 1)
def test_equals_a_loop(clicks, radius):
    xy = np.array([c[:2] for c in clicks], dtype=float).reshape(-1, 2) + 0.5
    labels = np.array([c[2] for c in clicks], dtype=np.int64)
    seg_map = RasterizeClicks(radius).rasterize(xy, labels, (7, 9))
    assert seg_map.dtype == np.uint8
    assert (seg_map == rasterize_slowly(xy, labels, (7, 9), radius)).all()


def test_disc_of_radius_three():
    seg_map = RasterizeClicks(3).rasterize(np.array([[5.9, 5.1]]), [7], (11, 11))
    rows = [''.join('#' if v == 7 else '.' for v in row) for row in seg_map]
    assert rows == [
        '...........',
        '...........',
        '.....#.....',
        '...#####...',
        '...#####...',
        '..#######..',
        '...#####...',
        '...#####...',
        '.....#.....',
        '...........',
        '...........',
    ]


def test_transform_adds_the_map_once_and_drops_what_left_the_frame():
    results = dict(
        img=np.zeros((5, 5, 3), np.uint8),
        clicks=np.array([[1, 2], [4, 4]], np.float32),
        click_labels=np.array([3, 4]),
        seg_fields=[],
    )
    results = LoadClicks()(results)
    results['img'] = results['img'][:3]
    results = RasterizeClicks(ignore_index=254)(results)
    expected = np.full((3, 5), 254)
    expected[2, 1] = 3
    assert (results['gt_seg_map'] == expected).all()
    assert results['seg_fields'] == ['gt_seg_map']
    assert results['click_labels'].tolist() == [3]
