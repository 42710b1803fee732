"""Exports of tools as `click_file` of a training set."""

import json

import numpy as np
import pytest
from golden import CVAT, GOLDEN, picture

from mmseg_weak.datasets import ClickDataset, ImageTagDataset
from mmseg_weak.datasets.tag_formats import match_tags

CLASSES = ('background', 'cat', 'dog', 'red panda')


@pytest.fixture
def root(tmp_path):
    """Two images of the golden export."""
    for name, size in {'sub/a.jpg': (100, 50), 'b.jpg': (4, 3)}.items():
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(*size))
    return tmp_path


def build(root, cls=ClickDataset, **kwargs):
    settings = dict(
        data_root=str(root),
        data_prefix=dict(img_path='images'),
        metainfo=dict(classes=CLASSES),
        pipeline=[],
    )
    return cls(**{**settings, **kwargs})


def by_image(dataset):
    return {
        info['img_id']: info for info in map(dataset.get_data_info, range(len(dataset)))
    }


def test_an_export_is_a_click_file(root, monkeypatch):
    (root / 'export.xml').write_text(CVAT)
    told = []
    monkeypatch.setattr(ClickDataset, '_tell', lambda self, text, *_: told.append(text))
    dataset = build(root, click_file='export.xml')
    assert dataset.click_report['clicks_per_class']['cat'] == 2
    clicks = by_image(dataset)['sub/a']['clicks']
    np.testing.assert_allclose(clicks[:2], [[1.5, 2.25], [99.99, 49]], rtol=1e-6)
    assert '5 entries left out (box, neither click nor scribble, joints' in told[0]


def test_an_export_of_images_of_another_size_is_refused(root):
    """Unless nothing is clicked in them."""
    text = "export.xml: image 'sub/a.jpg': annotated at 200x100, the file is 100x50"
    (root / 'export.xml').write_text(
        CVAT.replace('"100" height="50"', '"200" height="100"')
    )
    with pytest.raises(ValueError, match=text):
        build(root, click_file='export.xml')
    (root / 'export.xml').write_text(CVAT.replace('width="4"', 'width="8"'))
    build(root, click_file='export.xml')


def test_a_folder_of_files_and_of_positions_in_fractions(root):
    shapes = [dict(shape_type='point', label='cat', points=[[3.0, 1.0]])]
    for name in ('a', 'b'):
        content = dict(imagePath=f'{name}.jpg', shapes=shapes)
        (root / f'{name}.json').write_text(json.dumps(content))
    (root / 'labels').mkdir()
    for name in ('a', 'b'):
        (root / f'{name}.json').rename(root / f'labels/{name}.json')
    dataset = build(root, click_file='labels')
    assert {i for i, info in by_image(dataset).items() if len(info['clicks'])} == {
        'sub/a',
        'b',
    }
    rows = 'ImageId,X,Y,Label,EstimatedYesNo\nb,0.5,0.5,cat,yes\n'
    (root / 'points.csv').write_text(rows)
    dataset = build(root, click_file='points.csv')
    np.testing.assert_allclose(by_image(dataset)['b']['clicks'], [[2, 1.5]])


def test_options_and_checks_reach_the_files(root):
    (root / 'b.csv').write_text('index,axis-0,axis-1,kind,size\n0,1,2,cat,5\n')
    with pytest.raises(ValueError, match=r'b\.csv: .*say by class_key'):
        build(root, click_file='b.csv')
    dataset = build(root, click_file='b.csv', click_options=dict(class_key='kind'))
    np.testing.assert_allclose(by_image(dataset)['b']['clicks'], [[2.5, 1.5]])
    rows = ''.join(f'sub/a,{n / 9},0.5,cat\n' for n in range(6))
    (root / 'c.csv').write_text('image,x,y,class\n' + rows)
    with pytest.raises(ValueError, match=r'c\.csv: all 6 positions lie between 0 and 1'):
        build(root, click_file='c.csv')
    with pytest.raises(ValueError, match=r'holds tags and no click; give it as tag_file'):
        (root / 'tags.json').write_text('{"b": ["cat"]}')
        build(root, click_file='tags.json')


def test_tags_of_a_tool(root):
    golden = GOLDEN['tags-csv'].files['tags.csv']
    (root / 'tags.csv').write_text(golden.replace('a.jpg', 'sub/a.jpg'))
    settings = dict(tag_file='tags.csv', pipeline=[dict(type='LoadImageTags')])
    settings['pipeline'].append(dict(type='PackWeakSegInputs'))
    dataset = build(root, ImageTagDataset, **settings)
    assert {i: info['tags'] for i, info in by_image(dataset).items()} == {
        'sub/a': (1,),
        'b': (2, 3),
    }


def known(dataset):
    """What `_read_click_files` knows of each image."""
    (marks,) = dataset._read_click_files(['b', 'sub/a'], None, [])
    table = marks.take(0, 2)
    return {
        image: None if code < 0 else table.vocabularies[code]
        for image, code in zip(table.images, table.vocabulary)
    }


def test_vocabularies_of_a_source(root):
    build_one = dict(click_file='export.xml')
    (root / 'export.xml').write_text(CVAT)
    assert set(known(build(root, **build_one)).values()) == {None}
    declared = known(build(root, vocabulary='declared', **build_one))
    assert declared == {'sub/a': (1, 2, 3), 'b': (1, 2, 3)}
    named = known(build(root, vocabulary=['cat', 'background'], **build_one))
    assert named == {'sub/a': (0, 1), 'b': (0, 1)}
    (root / 'known.json').write_text('{"b.jpg": ["dog"]}')
    listed = known(build(root, vocabulary='known.json', **build_one))
    assert listed == {'sub/a': None, 'b': (2,)}
    (root / 'c.json').write_text('{"b": [{"x": 1, "y": 2, "cls": "cat"}]}')
    with pytest.raises(ValueError, match='clicks declares no classes; name the vocabulary'):
        build(root, click_file='c.json', vocabulary='declared')


def test_tags_find_images_that_are_called_otherwise():
    tags = {'a.jpg': {1}, '0123abcd-c.jpg': {2}, 'x': {3}}
    matched, notes = match_tags(tags, ['cat/a', 'c'], '.jpg')
    assert matched == {'cat/a': {1}, 'c': {2}, 'x': {3}}
    assert len(notes) == 2
    with pytest.raises(ValueError, match=r"'a\.jpg' could be cat/a or dog/a"):
        match_tags(tags, ['cat/a', 'dog/a'], '.jpg')
