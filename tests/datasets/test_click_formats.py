import json

import numpy as np
import pytest

from mmseg_weak.datasets.class_resolver import ClassResolver
from mmseg_weak.datasets.click_formats import read_clicks
from mmseg_weak.datasets.click_table import ClickTable

resolve = ClassResolver(('background', 'cat', 'dog'))


def read(tmp_path, content, name='clicks.json', **kwargs):
    path = tmp_path / name
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_clicks(str(path), resolve, **kwargs)


def rows(table):
    return list(
        zip(
            table.image,
            map(tuple, table.xy.tolist()),
            table.label.tolist(),
            table.rank.tolist(),
        )
    )


def test_json_and_csv_hold_the_same_clicks(tmp_path):
    content = {
        '2008_1': [
            {'x': 1.5, 'y': 2, 'cls': 1, 'rank': 3},
            {'y': -1, 'x': 0, 'class': 'dog'},
        ],
        'empty': [],
        'b/c.jpg': [{'x': 7, 'y': 8, 'cls': '0', 'rank': 1.0}],
    }
    csv = (
        '\ufeffimage, x,y,class,rank\r\n2008_1,1.5,2,cat,3\r\n2008_1,0,-1,2,\r\n'
        '"b/c.jpg",7,8,background,1\r\n'
    )
    expected = [
        ('2008_1', (1.5, 2.0), 1, 3),
        ('2008_1', (0.0, -1.0), 2, 0),
        ('b/c.jpg', (7.0, 8.0), 0, 1),
    ]
    assert rows(read(tmp_path, content)) == expected
    assert rows(read(tmp_path, csv, 'clicks.csv')) == expected
    # The content decides, not the name.
    assert rows(read(tmp_path, csv, 'clicks.txt')) == expected


def test_empty_files_give_empty_tables(tmp_path):
    for content in ({}, 'image,x,y,class\n'):
        table = read(tmp_path, content)
        assert len(table) == 0
        assert table.xy.shape == (0, 2)


def test_tables_concatenate_and_select():
    table = ClickTable.from_rows([('a', 1, 2, 3, 4), ('b', 5, 6, 7, 8)])
    both = ClickTable.concatenate([table, ClickTable.from_rows([]), table])
    picked = both.select(np.array([False, True, True, False]))
    assert rows(picked) == [('b', (5, 6), 7, 8), ('a', (1, 2), 3, 4)]


def test_background_file_needs_no_class(tmp_path):
    content = {'a': [{'x': 1, 'y': 2}, {'x': 3, 'y': 4, 'cls': 0}]}
    assert read(tmp_path, content, only_class=0).label.tolist() == [0, 0]
    table = read(tmp_path, 'image,x,y\na,1,2\n', only_class=0)
    assert table.label.tolist() == [0]
    with pytest.raises(ValueError, match=r"'a', entry 0: class 'cat' in a file of back"):
        read(tmp_path, {'a': [{'x': 1, 'y': 2, 'cls': 'cat'}]}, only_class=0)


def test_reduced_ids_start_at_one():
    shifted = ClassResolver(('wall', 'floor'), first_id=1)
    assert [shifted('wall'), shifted('floor'), shifted(0), shifted(2)] == [1, 2, 0, 2]
    with pytest.raises(ValueError, match='unknown class id 3'):
        shifted(3)


def test_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'click file not found: .*none\.json'):
        read_clicks(str(tmp_path / 'none.json'), resolve)


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"a": [', 'not valid JSON'),
        ('hello world\n', r'neither JSON nor a CSV with the header.*hello world'),
        ('', 'neither JSON nor a CSV'),
        (b'\x89PNG\xff\xfe', 'neither JSON nor CSV'),
        ([], r'expected an object \{image id: \[clicks\]\}, got list'),
        ({'a': {'x': 1}}, r"image 'a': expected a list of clicks, got dict"),
        ({'a': [[1, 2, 3]]}, r"image 'a', entry 0: expected .* got \[1, 2, 3\]"),
        ('{"a": [], "b": [], "a": []}', 'the key a occurs twice'),
    ],
)
def test_unreadable_file(tmp_path, content, message):
    with pytest.raises(ValueError, match=r'clicks\.json: ' + message):
        read(tmp_path, content)


GOOD = {'x': 1.0, 'y': 2.0, 'cls': 1}


@pytest.mark.parametrize(
    'entry, message',
    [
        (dict(x=1, cls=1), "no 'y'"),
        (dict(x=1, y=2), 'no class'),
        (dict(GOOD, x='12'), "x must be a number, got '12'"),
        (dict(GOOD, y=None), 'y must be a number, got None'),
        (dict(GOOD, x=True), 'x must be a number, got True'),
        (dict(GOOD, x=float('nan')), 'x must be finite, got nan'),
        (dict(GOOD, y=float('inf')), 'y must be finite, got inf'),
        (dict(GOOD, y=10**400), 'y must be finite, got inf'),
        (dict(GOOD, cls=3), 'unknown class id 3, the data set has 0 to 2'),
        (dict(GOOD, cls=-1), 'unknown class id -1'),
        (dict(GOOD, cls=255), 'unknown class id 255'),
        (dict(GOOD, cls=10**400), 'unknown class 1000'),
        (dict(GOOD, cls='catt'), "unknown class 'catt', did you mean 'cat'"),
        (dict(GOOD, cls=1.5), r'unknown class 1\.5'),
        (dict(GOOD, cls=True), 'unknown class True'),
        (dict(GOOD, cls=['cat']), r"unknown class \['cat'\]"),
        (dict(GOOD, rank=0), 'rank must be a whole number from 1, got 0'),
        (dict(GOOD, rank='first'), "rank must be .* got 'first'"),
    ],
)
def test_bad_json_entry_is_named(tmp_path, entry, message):
    with pytest.raises(
        ValueError, match=r"clicks\.json: image '2008_1', entry 1: " + message
    ):
        read(tmp_path, {'good': [GOOD], '2008_1': [GOOD, entry]})


@pytest.mark.parametrize(
    'line, message',
    [
        ('a,left,2,cat', "image 'a', line 3: x must be a number, got 'left'"),
        ('a,nan,2,cat', "image 'a', line 3: x must be finite"),
        ('a,1,,cat', "image 'a', line 3: no 'y'"),
        ('a,1,2', "image 'a', line 3: no class"),
        ('a,1,2,bird', "image 'a', line 3: unknown class 'bird'"),
        ('a,1,2,7', "image 'a', line 3: unknown class id 7"),
        ('a,1,2,cat,9', "image 'a', line 3: more than 4 values"),
        (',1,2,cat', 'line 3: no image id'),
    ],
)
def test_bad_csv_line_is_named(tmp_path, line, message):
    with pytest.raises(ValueError, match=r'clicks\.csv: ' + message):
        read(tmp_path, f'image,x,y,class\na,1,2,cat\n{line}\n', 'clicks.csv')


def test_rows_of_empty_cells_are_skipped(tmp_path):
    (tmp_path / 'clicks.csv').write_text('image,x,y,class\na,1,2,cat\n,,,\n , ,,\n,,,,,\n')
    resolve = ClassResolver(('background', 'cat'))
    assert read_clicks(str(tmp_path / 'clicks.csv'), resolve).image.tolist() == ['a']
