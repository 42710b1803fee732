"""One export of every format, written by hand with every trap of the format in it."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from mmseg_weak.datasets.formats import ReadOptions


@dataclass
class Golden:
    """An export and what stands in it.

    Attributes:
        files: Path below a folder to content: text, bytes or what JSON takes.
        clicks: ``(image, [(x, y), ...], class)``, and True behind it for a "no".
        tags: ``(image, class)``, and False behind it for a class that is absent.
        left_out: ``(reason, class)`` to count.
    """

    files: dict
    clicks: list = field(default_factory=list)
    tags: list = field(default_factory=list)
    left_out: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    notes: str = ''
    sizes: dict = field(default_factory=dict)

    def write(self, folder: Path) -> tuple[Path, ReadOptions]:
        """Write the files; gives the file or folder to read, and the options."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, (str, bytes)):
                content = json.dumps(content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        only = next(iter(self.files))
        source = folder / only if len(self.files) == 1 and '/' not in only else folder
        return source, ReadOptions(**self.options)


def picture(width: int, height: int) -> bytes:
    """A JPEG of that size."""
    return cv2.imencode('.jpg', np.zeros((height, width, 3), np.uint8))[1].tobytes()


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>t</name><labels>
    <label><name>cat</name></label><label><name>dog</name></label>
    <label><name>red panda</name></label>
  </labels></task></meta>
  <image id="0" name="sub/a.jpg" subset="train" task_id="1" width="100" height="50">
    <points label="cat" source="manual" occluded="0" points="1.50,2.25;99.99,49.00"/>
    <polyline label="dog" source="manual" points="0.00,0.00;10.00,50.00;20.00,30.00"/>
    <points label="dog" source="auto" points="5,5"/>
    <points label="dog" outside="1" points="6,6"/>
    <skeleton label="person"><points label="nose" outside="0" points="3,3"/></skeleton>
    <box label="cat" xtl="1" ytl="1" xbr="2" ybr="2"/>
    <mask label="cat" rle="1, 2" left="0" top="0" width="3" height="1"/>
    <tag label="red panda" source="manual"/>
  </image>
  <image id="1" name="b.jpg" width="4" height="3"></image>
</annotations>
"""

LABEL_STUDIO = [
    dict(
        id=7,
        file_upload='0123abcd-a b.jpg',
        data=dict(image='/data/upload/3/0123abcd-a%20b.jpg', note='hello'),
        predictions=[dict(result=[dict(type='keypointlabels')])],
        drafts=[],
        annotations=[
            dict(
                was_cancelled=False,
                result=[
                    dict(
                        id='p1',
                        type='keypointlabels',
                        from_name='kp',
                        to_name='image',
                        original_width=200,
                        original_height=80,
                        image_rotation=0,
                        value=dict(x=50.0, y=12.5, width=0.4, keypointlabels=['cat']),
                    ),
                    dict(
                        id='p2',
                        type='keypoint',
                        original_width=200,
                        original_height=80,
                        image_rotation=0,
                        value=dict(x=1.25, y=100, width=1),
                    ),
                    dict(
                        id='p2',
                        type='labels',
                        original_width=200,
                        original_height=80,
                        value=dict(x=1.25, y=100, width=1, labels=['dog']),
                    ),
                    dict(
                        id='p2',
                        type='choices',
                        value=dict(x=1.25, y=100, choices=['sharp']),
                    ),
                    dict(
                        id='p3',
                        type='keypointlabels',
                        original_width=200,
                        original_height=80,
                        value=dict(x=1, y=1, width=1, keypointlabels=['cat', 'dog']),
                    ),
                    dict(
                        id='p4',
                        type='keypointlabels',
                        original_width=200,
                        original_height=80,
                        value=dict(x=1, y=1, width=1, keypointlabels=[]),
                    ),
                    dict(id='r', type='rectanglelabels', value=dict(x=1, y=1, width=3)),
                    dict(type='choices', value=dict(choices=['indoor', 'night'])),
                ],
            ),
            dict(was_cancelled=True, result=[dict(type='keypointlabels')]),
            dict(
                result=[
                    dict(
                        type='keypointlabels',
                        original_width=200,
                        original_height=80,
                        value=dict(x=25, y=25, width=1, keypointlabels=['cat']),
                    )
                ]
            ),
        ],
    ),
    dict(id=8, data={'image': '/data/local-files/?d=set/b.png'}, annotations=[]),
    dict(id=9, data={'image': 's3://bucket/c/d.jpg'}, annotations=[]),
    dict(
        id=10,
        data={'image': '/storage-data/uploaded/?filepath=upload/1/e.jpg'},
        annotations=[],
    ),
]

VIA2_REGIONS = [
    dict(
        shape_attributes=dict(name='point', cx=12, cy=7), region_attributes={'kind': 'cat'}
    ),
    dict(
        shape_attributes=dict(name='point', cx=0, cy=1),
        region_attributes={'kind': {'dog': True, 'cat': False}},
    ),
    dict(
        shape_attributes=dict(name='point', cx=0, cy=1),
        region_attributes={'kind': {'dog': True, 'cat': True}},
    ),
    dict(shape_attributes=dict(name='point', cx=0, cy=2), region_attributes={'kind': ''}),
    dict(
        shape_attributes=dict(name='polyline', all_points_x=[1, 5], all_points_y=[2, 9]),
        region_attributes={'kind': 'cat'},
    ),
    dict(
        shape_attributes=dict(name='rect', x=1, y=1, width=2, height=2),
        region_attributes={'kind': 'cat'},
    ),
]
VIA2_FOUND = dict(
    clicks=[
        ('a.jpg', [(12, 7)], 'cat'),
        ('a.jpg', [(0, 1)], 'dog'),
        ('a.jpg', [(1, 2), (5, 9)], 'cat'),
    ],
    tags=[('a.jpg', 'night')],
    left_out={
        ('several classes on one region', ''): 1,
        ('no class yet', ''): 1,
        ('rect, neither click nor scribble', 'cat'): 1,
    },
)
VIA2_ATTRIBUTES = {'caption': 'nice', 'time': {'night': True, 'day': False}}


def via2_csv(name: str = 'filename') -> str:
    """The regions as lines of a CSV."""

    def cell(value) -> str:
        return '"' + json.dumps(value).replace('"', '""') + '"'

    lines = [
        f'{name},file_size,file_attributes,region_count,region_id,region_shape_attributes,'
        'region_attributes'
    ]
    for i, region in enumerate(VIA2_REGIONS):
        parts = [cell(VIA2_ATTRIBUTES), str(len(VIA2_REGIONS)), str(i)]
        parts += [cell(region['shape_attributes']), cell(region['region_attributes'])]
        lines.append(f'a.jpg,123,{",".join(parts)}')
    lines.append('b.jpg,9,"{}",0,0,"{}","{}"')
    return '\r\n'.join(lines) + '\r\n'


VIA3 = dict(
    project=dict(pname='p'),
    config={},
    attribute={
        '1': dict(
            aname='kind', anchor_id='FILE1_Z0_XY1', type=3, options={'0': 'cat', '7': 'dog'}
        ),
        '2': dict(
            aname='scene',
            anchor_id='FILE1_Z0_XY0',
            type=2,
            options={'0': 'day', '1': 'sea'},
        ),
    },
    file={
        '1': dict(fid='1', fname='a.jpg', type=2, loc=1, src='a.jpg'),
        '2': dict(fid='2', fname='v.mp4', type=4, loc=1, src='v.mp4'),
    },
    view={'1': dict(fid_list=['1']), '2': dict(fid_list=['2'])},
    metadata={
        '1_a': dict(vid='1', flg=0, z=[], xy=[1, 3.5, 4.25], av={'1': '7'}),
        '1_b': dict(vid='1', flg=0, z=[], xy=[1, 3.5, 4.25], av={}),
        '1_c': dict(vid='1', flg=0, z=[], xy=[6, 0, 0, 5, 5, 9, 0], av={'1': '0'}),
        '1_d': dict(vid='1', flg=0, z=[], xy=[5, 1, 1, 2, 1], av={'1': '0'}),
        '1_e': dict(vid='1', flg=0, z=[], xy=[2, 1, 1, 5, 5], av={'1': '0'}),
        '1_f': dict(vid='1', flg=0, z=[], xy=[], av={'2': '0,1'}),
        '1_g': dict(vid='1', flg=0, z=[0.5, 2], xy=[], av={'2': '0'}),
        '2_a': dict(vid='2', flg=0, z=[1], xy=[1, 3, 3], av={'1': '0'}),
    },
)

COCO = dict(
    images=[
        dict(id=5, file_name='a.jpg', width=10, height=20),
        dict(id=9, file_name='b/c.jpg', width=10, height=20),
    ],
    categories=[
        dict(id=3, name='cat', keypoints=['click']),
        dict(id=4, name='default', keypoints=['dog', 'cow']),
    ],
    annotations=[
        dict(id=1, image_id=9, category_id=3, keypoints=[3, 4, 2], iscrowd=0),
        dict(id=2, image_id=5, category_id=4, keypoints=[0, 0, 0, 7.5, 19, 2]),
        dict(id=3, image_id=5, category_id=4, keypoints=[1, 1, 1, 0, 0, 0]),
        dict(id=4, image_id=5, category_id=3, bbox=[1, 1, 2, 2]),
    ],
)

DATUMARO = dict(
    info={},
    categories=dict(label=dict(labels=[dict(name='cat', parent=''), dict(name='dog')])),
    items=[
        dict(
            id='train/a',
            image=dict(path='a.jpg', size=[20, 10]),
            annotations=[
                dict(
                    type='points',
                    label_id=1,
                    points=[1.5, 2, 3, 4, 5, 6],
                    visibility=[2, 0, 1],
                ),
                dict(type='points', label_id=0, points=[9, 19]),
                dict(type='polyline', label_id=0, points=[0, 0, 1, 5]),
                dict(type='label', label_id=0),
                dict(type='points', label_id=None, points=[1, 1]),
                dict(type='bbox', label_id=0, bbox=[1, 1, 1, 1]),
            ],
        ),
        dict(id='scan', point_cloud=dict(path='x.pcd'), annotations=[]),
    ],
)

SUPERVISELY = dict(
    description='',
    size=dict(height=20, width=10),
    tags=[dict(name='night', value=None)],
    objects=[
        dict(
            geometryType='point',
            classTitle='cat',
            points=dict(exterior=[[9, 19]], interior=[]),
        ),
        dict(geometryType='line', classTitle='dog', points=dict(exterior=[[0, 1], [5, 2]])),
        dict(
            geometryType='bitmap', classTitle='dog', bitmap=dict(data='eJw=', origin=[1, 1])
        ),
    ],
)

QUPATH = dict(
    type='FeatureCollection',
    features=[
        dict(
            type='Feature',
            geometry=dict(type='Point', coordinates=[1.25, 2]),
            properties=dict(
                objectType='annotation',
                classification=dict(name='Tumor: Positive', colorRGB=-377282),
            ),
        ),
        dict(
            type='Feature',
            geometry=dict(type='MultiPoint', coordinates=[[3, 4], [5, 6.5]]),
            properties=dict(classification=dict(names=['Tumor', 'Positive'])),
        ),
        dict(
            type='Feature',
            geometry=dict(type='LineString', coordinates=[[0, 0], [7, 7]]),
            properties=dict(classification=dict(name='Stroma')),
        ),
        dict(
            type='Feature',
            geometry=dict(type='Point', coordinates=[1, 2], plane=dict(c=-1, z=3, t=0)),
            properties=dict(classification=dict(name='Stroma')),
        ),
        dict(
            type='Feature',
            geometry=dict(type='Polygon', coordinates=[[[0, 0], [1, 0], [1, 1], [0, 0]]]),
            properties=dict(isLocked=False),
        ),
        dict(type='Feature', geometry=dict(type='Point', coordinates=[8, 8])),
    ],
)

LABELME = dict(
    version='5.5.0',
    flags={'night': True, 'day': False},
    shapes=[
        dict(
            label='cat', points=[[3.75, 0.5]], shape_type='point', flags={}, group_id=None
        ),
        dict(label='dog', points=[[0, 0], [4, 4], [9, 0]], shape_type='linestrip'),
        dict(label='dog', points=[[0, 0], [4, 4], [9, 0]], shape_type='polygon'),
        dict(label='dog', points=[[0, 0], [4, 4]], shape_type='mask', mask='iVBORw=='),
    ],
    imagePath='..\\images\\a.jpg',
    imageData='bm90IGFuIGltYWdl',
    imageHeight=20,
    imageWidth=10,
    kept_by_another_tool=dict(a=1),
)

OPEN_IMAGES = (
    'ImageId,X,Y,Label,EstimatedYesNo,Source,YesVotes,NoVotes,UnsureVotes,TextLabel\n'
    'a,0.25,0.5,/m/01,yes,ih,3,0,0,\n'
    'a,0.75,0.5,/m/02,no,ih,0,3,0,dog\n'
    'a,0.1,0.1,/m/01,unsure,cc,0,0,1,\n'
    'b,0,0.999,/m/02,yes,cc,1,0,0,dog\n'
)


def png(labels) -> bytes:
    """A grey PNG."""
    return cv2.imencode('.png', np.array(labels, np.uint8))[1].tobytes()


def splitmix(value: int) -> int:
    """SplitMix64 of a number."""
    value = value * 0x9E3779B97F4A7C15 % 2**64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def name_hash(name: str) -> int:
    """Bytes times odd random numbers, summed and mixed."""
    parts = ((b + 1) * (splitmix(i) | 1) for i, b in enumerate(name.encode(), 1))
    return splitmix(sum(parts) % 2**64)


def click_table() -> dict:
    """Three images in two shards: clicks, a line, a "no", a tag and an absent class."""
    shards = {'0000': [], '0001': []}
    marks = {
        'ä.jpg': [(0, 0, False, [(1.5, 2.25)]), (1, 0, True, [(3, 4)]), (1, 0, True, [])],
        'sub/b.jpg': [(0, 2, False, [(0, 0), (5, 5.125)]), (0, 0, False, [])],
        'c.jpg': [],
    }
    for name in sorted(marks, key=name_hash):
        shards[f'000{name_hash(name) >> 63}'].append(name)
    files = {'table.json': None}
    sizes = [
        _click_shard(files, folder, names, [marks[name] for name in names])
        for folder, names in shards.items()
    ]
    files['table.json'] = dict(
        format='mmseg_weak click table',
        version=1,
        shards=sizes,
        unit='pixels',
        classes=['cat', 'dog'],
        first=['line 2', 'line 3'],
        counts=[[1, 1, 0, 1, 0], [0, 0, 1, 0, 1]],
        left_out=[['unsure', 'dog', 7]],
        notes=['columns not used: z'],
        vocabulary=None,
    )
    return files


def _click_shard(files: dict, folder: str, names: list, marks: list) -> list[int]:
    """Add the files of one shard; gives its number of images, marks and points."""
    rows = [mark for of_image in marks for mark in of_image]
    points = [point for *_, places in rows for point in places]
    columns = dict(
        hash=('u8', [name_hash(name) for name in names]),
        names=('u1', list(''.join(names).encode())),
        name_start=('i8', np.cumsum([0] + [len(name.encode()) for name in names])),
        mark_start=('i8', np.cumsum([0] + [len(of_image) for of_image in marks])),
        label=('i4', [row[0] for row in rows]),
        rank=('i4', [row[1] for row in rows]),
        negative=('?', [row[2] for row in rows]),
        point_start=('i8', np.cumsum([0] + [len(row[3]) for row in rows])),
        points=('f8', np.reshape(points, (-1, 2))),
    )
    for name, (dtype, values) in columns.items():
        file = io.BytesIO()
        np.save(file, np.array(values, dtype=dtype))
        files[f'{folder}/{name}.npy'] = file.getvalue()
    return [len(names), len(rows), len(points)]


GOLDEN = {
    'scribble-png': Golden(
        {'a.png': png([[1, 1, 255, 0], [255, 255, 255, 0], [255, 1, 255, 255]])},
        clicks=[
            ('a', [(3.5, 0.5)], 0),
            ('a', [(3.5, 1.5)], 0),
            ('a', [(0.5, 0.5), (1.5, 0.5)], 1),
            ('a', [(1.5, 2.5)], 1),
        ],
        sizes={'a': (4, 3)},
    ),
    'clicks': Golden(
        {
            'c.json': {
                '2008_1': [
                    dict(x=1.5, y=2, cls='cat', rank=3),
                    {'y': 0, 'x': 1, 'class': 'dog', 'no': True, 'who': 'me'},
                    dict(points=[[0, 1.5], [4, 2]], cls='cat'),
                    dict(points=[[3, 3], [4, 3], [5, 3]], cls='dog', no=True),
                ],
                'empty': [],
            }
        },
        clicks=[
            ('2008_1', [(1.5, 2)], 'cat'),
            ('2008_1', [(1, 0)], 'dog', True),
            ('2008_1', [(0, 1.5), (4, 2)], 'cat'),
            ('2008_1', [(3, 3), (4, 3), (5, 3)], 'dog', True),
        ],
        notes='not used: who',
    ),
    'clicks-csv': Golden(
        {
            'c.csv': '\ufeffimage; x;y;class;no;who\r\n"a";1.5;2;cat;0;me\r\n'
            ';;;;;\r\nb;1;2;dog;1;\r\n'
        },
        clicks=[('a', [(1.5, 2)], 'cat'), ('b', [(1, 2)], 'dog', True)],
        notes='not used: who',
    ),
    'cvat': Golden(
        {'annotations.xml': CVAT},
        clicks=[
            ('sub/a.jpg', [(1.5, 2.25)], 'cat'),
            ('sub/a.jpg', [(99.99, 49)], 'cat'),
            ('sub/a.jpg', [(0, 0), (10, 50), (20, 30)], 'dog'),
        ],
        tags=[('sub/a.jpg', 'red panda')],
        left_out={
            ('set by a machine', 'dog'): 1,
            ('outside the frame', 'dog'): 1,
            ('joints of a skeleton', 'person'): 1,
            ('box, neither click nor scribble', 'cat'): 1,
            ('mask, neither click nor scribble', 'cat'): 1,
        },
        sizes={'sub/a.jpg': (100, 50), 'b.jpg': (4, 3)},
    ),
    'labelstudio': Golden(
        {'export.json': LABEL_STUDIO},
        clicks=[
            ('0123abcd-a b.jpg', [(100, 10)], 'cat'),
            ('0123abcd-a b.jpg', [(2.5, 80)], 'dog'),
            ('0123abcd-a b.jpg', [(50, 20)], 'cat'),
        ],
        tags=[('0123abcd-a b.jpg', 'indoor'), ('0123abcd-a b.jpg', 'night')],
        left_out={
            ('predictions of a machine or unfinished', ''): 1,
            ('cancelled annotation', ''): 1,
            ('choice of one region, no tag of the image', ''): 1,
            ('several classes on one region', ''): 1,
            ('no class yet', ''): 1,
            ('rectanglelabels, neither click nor scribble', ''): 1,
        },
        notes='some images have several annotators',
        sizes={'0123abcd-a b.jpg': (200, 80)},
    ),
    'labelme': Golden(
        {'labels/a.json': LABELME},
        clicks=[
            ('images/a.jpg', [(3.75, 0.5)], 'cat'),
            ('images/a.jpg', [(0, 0), (4, 4), (9, 0)], 'dog'),
        ],
        tags=[('images/a.jpg', 'night')],
        left_out={
            ('polygon, neither click nor scribble', 'dog'): 1,
            ('mask, neither click nor scribble', 'dog'): 1,
        },
        notes='not used: kept_by_another_tool',
        sizes={'images/a.jpg': (10, 20)},
    ),
    'via2': Golden(
        {
            'via.json': {
                '_via_settings': {},
                '_via_img_metadata': {
                    'a.jpg123': dict(
                        filename='a.jpg',
                        size=123,
                        regions=VIA2_REGIONS,
                        file_attributes=VIA2_ATTRIBUTES,
                    ),
                    'b.jpg9': dict(
                        filename='b.jpg', size=9, regions=[], file_attributes={}
                    ),
                },
                '_via_attributes': {},
            }
        },
        **VIA2_FOUND,
    ),
    'via2-csv': Golden({'via.csv': via2_csv()}, **VIA2_FOUND),
    'via3': Golden(
        {'via3.json': VIA3},
        clicks=[
            ('a.jpg', [(3.5, 4.25)], 'dog'),
            ('a.jpg', [(0, 0), (5, 5), (9, 0)], 'cat'),
            ('a.jpg', [(1, 1), (2, 1)], 'cat'),
        ],
        tags=[('a.jpg', 'day'), ('a.jpg', 'sea')],
        left_out={
            ('no class yet', ''): 1,
            ('neither click nor scribble', 'cat'): 1,
            ('time of a video', ''): 1,
            ('view of a video or of several files', ''): 1,
        },
    ),
    'coco-keypoints': Golden(
        {'coco.json': COCO},
        clicks=[('b/c.jpg', [(3, 4)], 'cat'), ('a.jpg', [(7.5, 19)], 'cow')],
        left_out={
            ('not labelled (0)', 'dog'): 1,
            ('hidden (1)', 'dog'): 1,
            ('not labelled (0)', 'cow'): 1,
            ('no key points', 'cat'): 1,
        },
        sizes={'a.jpg': (10, 20), 'b/c.jpg': (10, 20)},
    ),
    'datumaro': Golden(
        {'default.json': DATUMARO},
        clicks=[
            ('train/a.jpg', [(1.5, 2)], 'dog'),
            ('train/a.jpg', [(9, 19)], 'cat'),
            ('train/a.jpg', [(0, 0), (1, 5)], 'cat'),
        ],
        tags=[('train/a.jpg', 'cat')],
        left_out={
            ('absent (0)', 'dog'): 1,
            ('hidden (1)', 'dog'): 1,
            ('no class yet', ''): 1,
            ('bbox, neither click nor scribble', 'cat'): 1,
            ('item of a 3-D point cloud', ''): 1,
        },
        sizes={'train/a.jpg': (10, 20)},
    ),
    'supervisely': Golden(
        {'set/ann/a.jpg.json': SUPERVISELY, 'meta.json': dict(classes=[], tags=[])},
        clicks=[
            ('set/a.jpg', [(9, 19)], 'cat'),
            ('set/a.jpg', [(0, 1), (5, 2)], 'dog'),
        ],
        tags=[('set/a.jpg', 'night')],
        left_out={('bitmap, neither click nor scribble', 'dog'): 1},
        notes='meta.json is of no known format',
        sizes={'set/a.jpg': (10, 20)},
    ),
    'qupath-tsv': Golden(
        {
            'p/a.tif.tsv': 'x\ty\tz\tclass\tname\t\n1.25\t2.5\t0\tTumor: Positive\t\t\n'
            '3\t4\t2\tStroma\t\t\n5\t6\t0\t\t\t\n',
            'b.tsv': 'x\ty\tclass\t\n7\t8\tStroma\t\n',
        },
        clicks=[
            ('b', [(7, 8)], 'Stroma'),
            ('p/a.tif', [(1.25, 2.5)], 'Tumor: Positive'),
        ],
        left_out={
            ('in another plane than z = 0', 'Stroma'): 1,
            ('no class yet', ''): 1,
        },
    ),
    'qupath': Golden(
        {'a.tif.geojson': QUPATH},
        clicks=[
            ('a.tif', [(1.25, 2)], 'Tumor: Positive'),
            ('a.tif', [(3, 4)], 'Tumor: Positive'),
            ('a.tif', [(5, 6.5)], 'Tumor: Positive'),
            ('a.tif', [(0, 0), (7, 7)], 'Stroma'),
        ],
        left_out={
            ('in another plane than z = 0', 'Stroma'): 1,
            ('Polygon, neither click nor scribble', ''): 1,
            ('no class yet', ''): 1,
        },
    ),
    'napari-points': Golden(
        {'a.csv': 'index,axis-0,axis-1,kind,size\n0,2,10.25,cat,5\n1.0,-0.5,3,,5\n'},
        clicks=[('a', [(10.75, 2.5)], 'cat')],
        left_out={('no class yet', ''): 1},
        options=dict(class_key='kind'),
    ),
    'napari-shapes': Golden(
        {
            'a.csv': 'index,shape-type,vertex-index,axis-0,axis-1\n0,path,1,4,5\n'
            '0,path,0,2,3\n0,path,2,0,0\n1,rectangle,0,0,0\n1,rectangle,1,0,2\n2,line,0,1,1\n2,line,1,1,6\n'
        },
        clicks=[
            ('a', [(3.5, 2.5), (5.5, 4.5), (0.5, 0.5)], 'cat'),
            ('a', [(1.5, 1.5), (6.5, 1.5)], 'cat'),
        ],
        left_out={('rectangle, neither click nor scribble', 'cat'): 1},
        options=dict(class_name='cat'),
    ),
    'coralnet': Golden(
        {
            'a.csv': 'Name,Row,Column,Label code,Label ID,Annotator,Depth\n'
            'r/a.jpg,7,12,Acrop,3,Ann,2m\nr/a.jpg,8,0,ACROPORA,3,Ann,\n'
            'r/a.jpg,9,1,Sand,4,robot,\nr/a.jpg,9,2,,,,\n'
        },
        clicks=[('r/a.jpg', [(12, 7)], 'Acrop'), ('r/a.jpg', [(0, 8)], 'Acrop')],
        left_out={('set by a machine', 'Sand'): 1, ('no class yet', ''): 1},
        notes='not used: Depth',
    ),
    'open-images': Golden(
        {'points.csv': OPEN_IMAGES},
        clicks=[
            ('a.jpg', [(10, 10)], '/m/01'),
            ('a.jpg', [(30, 10)], '/m/02', True),
            ('b.jpg', [(0, 9.99)], '/m/02'),
        ],
        left_out={('unsure', '/m/01'): 1},
        sizes={'a.jpg': (40, 20), 'b.jpg': (30, 10)},
    ),
    'open-images-labels': Golden(
        {
            'labels.csv': 'ImageID,Source,LabelName,Confidence\na,verification,/m/01,1\n'
            'a,verification,/m/02,0\nb,crowdsource-verification,/m/02,1.0\n'
            'b,machine,/m/01,0.7\n'
        },
        tags=[('a.jpg', '/m/01'), ('a.jpg', '/m/02', False), ('b.jpg', '/m/02')],
        left_out={('set by a machine', '/m/01'): 1},
    ),
    'click-table': Golden(
        click_table(),
        clicks=[
            ('ä.jpg', [(1.5, 2.25)], 'cat'),
            ('ä.jpg', [(3, 4)], 'dog', True),
            ('sub/b.jpg', [(0, 0), (5, 5.125)], 'cat'),
        ],
        tags=[('ä.jpg', 'dog', False), ('sub/b.jpg', 'cat')],
        left_out={('unsure', 'dog'): 7},
        notes='columns not used: z',
    ),
    'deeplabcut': Golden(
        {
            'CollectedData.csv': 'scorer,,,me,me,me,me\nbodyparts,,,nose,nose,tail,tail\n'
            'coords,,,x,y,x,y\nlabeled-data,vid,img1.png,1.5,2,,\n'
            'labeled-data,vid,img2.png,,,3,4.25\n'
        },
        clicks=[
            ('labeled-data/vid/img1.png', [(1.5, 2)], 'nose'),
            ('labeled-data/vid/img2.png', [(3, 4.25)], 'tail'),
        ],
    ),
    'tags': Golden(
        {'tags.json': {'a': ['cat', 'dog'], 'b': []}}, tags=[('a', 'cat'), ('a', 'dog')]
    ),
    'tags-csv': Golden(
        {
            'tags.csv': ';Filename;cat;dog;red panda\n0;a.jpg;1.0;;False\n'
            '1;b.jpg;0;True;TRUE\n2;c.jpg;;;0.0\n'
        },
        tags=[('a.jpg', 'cat'), ('b.jpg', 'dog'), ('b.jpg', 'red panda')],
    ),
}
