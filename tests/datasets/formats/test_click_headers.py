"""CSVs of clicks under the names that people give to their columns."""

import json

import pytest

from mmseg_weak.datasets.formats import ReadOptions, read_annotations
from mmseg_weak.datasets.formats.collector import Collector
from mmseg_weak.datasets.formats.conversion import convert
from mmseg_weak.datasets.formats.reading import read_into
from mmseg_weak.datasets.formats.source import Source

ROWS = ('a.jpg,1,2,cat', 'b.jpg,3,4,dog')
MARKS = [('a.jpg', 1, 2, 'cat'), ('b.jpg', 3, 4, 'dog')]
HEADERS = {
    'image,x,y,class': ROWS,
    'image,x,y,label': ROWS,
    'filename,x,y,label': ROWS,
    'image_id;x;y;cls': [row.replace(',', ';') for row in ROWS],
    'file,image,x,y,label': [f'0,{row}' for row in ROWS],
    'image,x,y,class,label': [f'{row},7' for row in ROWS],
}


def write(path, header, rows=ROWS):
    path.write_text('\n'.join([header, *rows]) + '\n')
    return path


def marks(found):
    return [(m.image, m.x, m.y, m.label) for m in found.marks('points')]


def both_ways(path, options=None):
    """By column and line by line, which have to agree."""
    found, out = read_annotations(path, options=options), Collector()
    read_into(out, 'clicks-csv', Source(path), options or ReadOptions())
    slow = out.finish(str(path), 'clicks-csv')
    assert marks(slow) == marks(found) and slow.notes == found.notes
    return found


@pytest.mark.parametrize('header', HEADERS)
def test_columns_may_have_other_names(tmp_path, header):
    found = both_ways(write(tmp_path / 'a.csv', header, HEADERS[header]))
    assert marks(found) == MARKS
    unread = {'file,image,x,y,label': 'file', 'image,x,y,class,label': 'label'}
    told = [f'columns not used: {unread[header]}'] if header in unread else []
    assert found.notes == told


def test_the_column_of_the_class_can_be_named(tmp_path):
    rows = [f'{row},owl' for row in ROWS]
    path = write(tmp_path / 'a.csv', 'image,x,y,Klasse,class', rows)
    found = both_ways(path, ReadOptions(class_key='Klasse'))
    assert marks(found) == MARKS and found.notes == ['columns not used: class']
    convert(path, 'clicks', tmp_path / 'a.json', ReadOptions(class_key='Klasse'))
    assert json.loads((tmp_path / 'a.json').read_text())['b.jpg'][0]['cls'] == 'dog'
    with pytest.raises(ValueError, match="no column 'label' .*, there are image, x, y, K"):
        read_annotations(path, options=ReadOptions(class_key='label'))


def test_marks_without_a_class_get_the_one_that_is_said(tmp_path):
    path = write(tmp_path / 'a.csv', 'image,x,y,class', ['a.jpg,1,2,cat', 'b.jpg,3,4,'])
    found = both_ways(path, ReadOptions(class_name='owl'))
    assert marks(found) == [MARKS[0], ('b.jpg', 3, 4, 'owl')]


def test_keys_of_json_can_be_named(tmp_path):
    entry = dict(x=1, y=2, kind='cat', cls='owl')
    (tmp_path / 'a.json').write_text(json.dumps({'a.jpg': [entry]}))
    options = ReadOptions(class_key='kind')
    found = read_annotations(tmp_path / 'a.json', options=options)
    assert marks(found) == MARKS[:1] and found.notes == ['keys not used: cls']


@pytest.mark.parametrize(
    ('header', 'message'),
    [
        ('Datei;x;y;Klasse', "'Datei;x;y;Klasse': call it image .or filename"),
        ('Datei;X;Y;Klasse', r"first line is 'Datei;X;Y;Klasse'; docs/formats\.md"),
        ('filename;image_id;x;y', 'images are named by filename and image_id: call one'),
    ],
)
def test_other_headers_are_quoted_with_a_remedy(tmp_path, header, message):
    path = write(tmp_path / 'a.csv', header, ['a;1;2;3'])
    with pytest.raises(ValueError, match=message):
        read_annotations(path)


def test_a_missing_class_names_the_columns_nobody_read(tmp_path):
    found = read_annotations(write(tmp_path / 'a.csv', 'image,x,y,Klasse'))
    text = r'line 2: no class \(.*\); columns not used: Klasse \(.* to be called class, cls'
    with pytest.raises(ValueError, match=text):
        found.click_table(int)
