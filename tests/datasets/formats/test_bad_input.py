"""Whatever is wrong with a file ends in one line that names file, entry and remedy."""

import json

import pytest
from golden import COCO, GOLDEN, LABEL_STUDIO, VIA3, Golden

from mmseg_weak.datasets.formats import ReadOptions, read_annotations


def refused(tmp_path, files, message, **options):
    path, _ = Golden(files).write(tmp_path / 'export')
    with pytest.raises(ValueError, match=message) as error:
        read_annotations(path, options=ReadOptions(**options))
    assert '\n' not in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


def changed(content, function):
    content = json.loads(json.dumps(content))
    function(content)
    return content


def cvat(body: str, head: str = '<?xml version="1.0"?>') -> str:
    return f'{head}<annotations>{body}</annotations>'


IMAGE = '<image name="a.jpg" width="9" height="9">%s</image>'
BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>'
LINES = 'image,x,y,class\n' + 'a,1,2,cat\n' * 19998
OI = 'ImageId,X,Y,Label,EstimatedYesNo\n'
NAPARI = 'index,axis-0,axis-1,axis-2,label\n'
DLC = 'scorer,m,m,m\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\na.png,1,2,0.9\n'


def rotate(tasks):
    tasks[0]['annotations'][0]['result'][0]['image_rotation'] = 90


def pixels(tasks):
    tasks[0]['annotations'][0]['result'][0]['value']['x'] = 640


def twice(tasks):
    tasks[1]['data'] = tasks[0]['data']


BAD = {
    'truncated JSON': ({'a.json': json.dumps(COCO)[:200]}, r'a\.json: not valid JSON'),
    'truncated XML': (
        {'a.xml': GOLDEN['cvat'].files['annotations.xml'][:300]},
        r'a\.xml: not valid XML \(no element found|a\.xml: not valid XML',
    ),
    'entities': ({'a.xml': cvat('', BOMB)}, r'a\.xml: has a document type .*remove it'),
    'unknown encoding': (
        {'a.xml': cvat('', '<?xml version="1.0" encoding="klingon"?>')},
        r'a\.xml: not valid XML \(unknown encoding',
    ),
    'deep XML': ({'a.xml': cvat('<b>' * 500 + '</b>' * 500)}, 'nested deeper than 100'),
    'deep JSON': ({'a.json': '[' * 200_000 + ']' * 200_000}, 'nested too deeply'),
    'long integer': ({'a.json': '{"a": ' + '9' * 9999 + '}'}, 'not valid JSON'),
    'unclosed quote in line 20,000': (
        {'a.csv': LINES + '"a,1,2,cat\na,1,2,cat\na,1,2,cat\n'},
        r'line 20000: a quote is not closed',
    ),
    'quote that ends far below': (
        {'a.csv': LINES + '"a,1,2,cat\na",1,2,cat\n'},
        r'line 20000: a cell runs over 2 lines; is a quote not closed\?',
    ),
    'mixed encodings': (
        {'a.csv': 'image,x,y,class\nä,1,2,cat\n'.encode() + b'\xe4,1,2,cat\n'},
        r'a\.csv: line \d+: not text .*save the table as UTF-8',
    ),
    'UTF-16 without its mark': (
        {'a.csv': 'image,x,y,class\na,1,2,cat\n'.encode('utf-16-le')},
        r'a\.csv: .*UTF-8',
    ),
    'a picture': ({'a.json': b'\xff\xd8\xff\xe0JFIF'}, 'neither JSON nor CSV'),
    'a truncated PNG': (
        {'a.png': GOLDEN['scribble-png'].files['a.png'][:40]},
        r'a\.png: truncated or no PNG \([^<]*\)$',
    ),
    'a file of another tool': (
        {'a.json': dict(version=3, scenes=[])},
        r'expected a list of clicks, got int; docs/formats\.md lists',
    ),
    'decimal comma': (
        {'a.csv': 'image;x;y;class\na;1,5;2;cat\n'},
        r"line 2: x must be a number, got '1,5' \(a decimal point",
    ),
    'video of CVAT': ({'a.xml': cvat('<track id="0"/>')}, 'this is CVAT for video'),
    'images that collide': (
        {'a.xml': cvat(IMAGE % '' + IMAGE % '')},
        r"two images are called 'a\.jpg'; rename one",
    ),
    'Windows separators that collide': (
        {'a.csv': 'image,x,y,class\na/b,1,2,cat\na\\b,1,2,cat\n'},
        r"line 3: two images are called 'a/b'",
    ),
    'no coordinates': (
        {'a.xml': cvat(IMAGE % '<points label="cat"/>')},
        r"image 'a\.jpg', points 0: no 'points', which CVAT for images 1\.1 has here",
    ),
    'half a coordinate': (
        {'a.xml': cvat(IMAGE % '<points label="cat" points="1,2;3"/>')},
        r"image 'a\.jpg', points 0: not the layout of CVAT",
    ),
    'a rotated image': (
        {'a.json': changed(LABEL_STUDIO, rotate)},
        r"image '0123abcd-a b\.jpg', result p1: the image was rotated by 90 degrees",
    ),
    'pixels for percent': (
        {'a.json': changed(LABEL_STUDIO, pixels)},
        r'result p1: positions are percent from 0 to 100, got \(640, 12\.5\)',
    ),
    'a task twice': ({'a.json': changed(LABEL_STUDIO, twice)}, 'two images are called'),
    'keypoint without image': (
        {'a.json': changed(COCO, lambda c: c['annotations'][0].update(image_id=77))},
        'annotation 1: image_id or category_id does not exist',
    ),
    'image ids that repeat': (
        {'a.json': changed(COCO, lambda c: c['images'][1].update(id=5))},
        'the image id 5 occurs twice',
    ),
    'two attributes': (
        {'a.json': changed(VIA3, lambda v: v['metadata']['1_a']['av'].update({'2': '0'}))},
        'several attributes, kind, scene: say by class_key which',
    ),
    'pixels for fractions': (
        {'a.csv': OI + 'a,12,7,/m/1,yes\n'},
        r"image 'a\.jpg', line 2: X and Y are fractions from 0 to 1, got \(12, 7\)",
    ),
    'fractions without images': (
        {'a.csv': OI + 'a,0.5,0.5,/m/1,yes\n'},
        'positions are fractions .*--images FOLDER',
    ),
    '3-D points': ({'a.csv': NAPARI + '0,1,2,3,cat\n'}, 'the points have three axes'),
    '3-D objects': (
        {
            'a.geojson': dict(
                type='Feature',
                geometry=dict(type='Point', coordinates=[1, 2, 3]),
                properties=dict(classification=dict(name='cat')),
            )
        },
        r'feature 0: a point has x and y, got \[1, 2, 3\]',
    ),
    'predictions of DeepLabCut': ({'a.csv': DLC}, r'holds predictions \(likelihood\)'),
    'two formats in a folder': (
        {
            'x/a.csv': 'image,x,y,class\na,1,2,cat\n',
            'x/b.json': {'a': [dict(x=1, y=2, cls='cat')]},
        },
        'holds files of clicks-csv and clicks; part them',
    ),
    'nothing in a folder': ({'x/readme.md': ''}, 'no file here is of a known format'),
    'an image twice in LabelMe': (
        {
            'x/a.json': dict(shapes=[], imagePath='a.jpg'),
            'x/b.json': dict(shapes=[], imagePath='.\\a.jpg'),
        },
        r"b\.json: two images are called 'x/a\.jpg'",
    ),
    'a huge brush': (
        {
            'a.json': [
                dict(
                    id=1,
                    data=dict(image='a.jpg'),
                    annotations=[
                        dict(
                            result=[
                                dict(
                                    type='brushlabels',
                                    original_width=2**14,
                                    original_height=2**14,
                                    value=dict(
                                        format='rle',
                                        rle=[64, 0, 0, 0, 57, 1, 1],
                                        brushlabels=['cat'],
                                    ),
                                )
                            ]
                        )
                    ],
                )
            ]
        },
        'the brush is too short for its image',
    ),
}


@pytest.mark.parametrize('name', BAD)
def test_one_clear_line(name, tmp_path):
    refused(tmp_path, *BAD[name])


def test_unknown_formats_and_absent_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='file or folder not found'):
        read_annotations(tmp_path / 'none')
    path, _ = GOLDEN['cvat'].write(tmp_path)
    with pytest.raises(ValueError, match="unknown format 'cwat', there are .*cvat"):
        read_annotations(path, format='cwat')
    with pytest.raises(ValueError, match='not valid JSON'):
        read_annotations(path, format='labelme')
    (tmp_path / 'a.csv').write_text('index,axis-0,axis-1,kind,size\n0,1,2,cat,3\n')
    with pytest.raises(ValueError, match='several propertys|say by class_key'):
        read_annotations(tmp_path / 'a.csv')
    with pytest.raises(ValueError, match="no property 'name', there are kind, size"):
        read_annotations(tmp_path / 'a.csv', options=ReadOptions(class_key='name'))
