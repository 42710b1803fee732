"""Readers of clicks, tags, lists, outlines and class files."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
from harness import Target

sys.path.append(str(Path(__file__).parents[1] / 'datasets' / 'formats'))
from golden import GOLDEN, picture

from mmseg_weak.datasets import CocoTagDataset
from mmseg_weak.datasets.box_files import read_boxes
from mmseg_weak.datasets.class_resolver import ClassResolver
from mmseg_weak.datasets.click_formats import read_clicks
from mmseg_weak.datasets.click_shards import BrokenTable
from mmseg_weak.datasets.click_store import ClickStore
from mmseg_weak.datasets.coco_masks import write_coco_masks
from mmseg_weak.datasets.formats import ReadOptions, read_annotations
from mmseg_weak.datasets.image_files import list_images
from mmseg_weak.datasets.name_list import NameList
from mmseg_weak.datasets.strong_weak_source import trained_classes
from mmseg_weak.datasets.tag_formats import read_tag_file
from mmseg_weak.datasets.voc_devkit import box_classes

PICTURES = (('a.jpg', picture(40, 20)), ('b.jpg', picture(30, 10)))
CLASSES = ('background', 'cat', 'dog')
XML = b"""<?xml version="1.0" encoding="utf-8"?>
<annotation><filename>a.jpg</filename><size><width>40</width></size>
<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>
<object><name>dog</name><difficult>1</difficult></object></annotation>
"""
COCO = dict(
    images=[
        dict(id=1, file_name='a.jpg', height=20, width=40),
        dict(id=2, file_name='b.jpg', height=10, width=30),
    ],
    categories=[dict(id=3, name='cat'), dict(id=5, name='dog')],
    annotations=[
        dict(id=1, image_id=1, category_id=3, segmentation=[[1, 1, 9, 1, 9, 9.5]]),
        dict(
            id=2,
            image_id=1,
            category_id=5,
            iscrowd=1,
            segmentation=dict(size=[20, 40], counts=[100, 40, 660]),
        ),
        dict(
            id=3,
            image_id=2,
            category_id=5,
            iscrowd=0,
            segmentation=dict(size=[10, 30], counts='T1:20000000000000000Q7'),
        ),
    ],
)


def _as_bytes(content) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def _found(options: dict, wanted: str, path: Path):
    """As found by content, and as its own format where the name says so."""
    found = read_annotations(path, None, ReadOptions(**options), wanted)
    found.report()
    return found


def _named(name: str, options: dict, wanted: str, path: Path):
    found = read_annotations(path, name, ReadOptions(**options), wanted)
    found.report()
    return found


def _finite(found) -> bool:
    """Positions are numbers, names are text that a file can have."""
    clicks = found.clicks
    names = (*clicks.images, *found.tags.images)
    whole = all(name.strip() and '\0' not in name and _encodes(name) for name in names)
    return bool(np.isfinite(clicks.points).all()) and whole


def _encodes(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _exports() -> list[Target]:
    targets = []
    for name, golden in GOLDEN.items():
        content = _as_bytes(next(iter(golden.files.values())))
        wanted = 'clicks' if golden.clicks else 'tags'
        options = dict(golden.options)
        is_json = content[:1] in b'{['
        kind = 'json' if is_json else 'png' if name.endswith('png') else 'bytes'
        for how in ('found', 'named'):
            read = partial(_found, options, wanted)
            if how == 'named':
                read = partial(_named, name, options, wanted)
            elif kind == 'png':
                continue  # has to be named
            targets.append(
                Target(
                    f'{name} {how}',
                    (content,),
                    partial(_with_images, read),
                    file='export' + Path(next(iter(golden.files))).suffix,
                    kind=kind,
                    beside=PICTURES,
                    usable=_finite,
                )
            )
    return targets


def _with_images(read, path: Path):
    """The options of a golden export, and its images in the folder of the file."""
    options = {'images': str(path.parent), **read.args[-2]}
    return partial(read.func, *read.args[:-2], options, read.args[-1])(path)


def _clicks(path: Path):
    return read_clicks(path, ClassResolver(CLASSES))


def _split(path: Path):
    return list_images(str(path.parent), str(path))


def _coco_masks(path: Path):
    return write_coco_masks(str(path), str(path.parent / 'out'), ('cat', 'dog'), 1)


def _coco_tags(path: Path):
    dataset = CocoTagDataset(
        ann_file=str(path),
        data_prefix=dict(img_path=str(path.parent)),
        metainfo=dict(classes=CLASSES),
        check_images=False,
    )
    return len(dataset)


def _boxes(path: Path):
    """Of COCO, or with a folder of VOC."""
    table = np.array([255, 1, 2, *[255] * 253])
    return read_boxes(str(path), ['a', 'b'], ClassResolver(CLASSES), '.jpg', table)


def _finite_boxes(found) -> bool:
    return all(np.isfinite(image['gt_bboxes']).all() for image in found.values())


TABLE = GOLDEN['click-table'].files


def _from_table(path: Path):
    """All marks, and those of images that are looked up."""
    try:
        store = ClickStore(path.parents[1])
        store.take(store.find(NameList.of([*store.names(), 'absent.jpg'])))
        return store.take(np.arange(len(store)))
    except BrokenTable as error:  # the harness takes no other class of errors
        raise ValueError(str(error)) from None


def _columns() -> list[Target]:
    """Each column of the first shard of a click table, the others whole."""
    return [
        Target(
            f'click table {name.replace("/", " ")}',
            (_as_bytes(content),),
            _from_table,
            file=name,
            beside=tuple((k, _as_bytes(v)) for k, v in TABLE.items() if k != name),
            usable=lambda clicks: bool(np.isfinite(clicks.points).all()),
        )
        for name, content in TABLE.items()
        if name.startswith('0000')
    ]


def _class_file(path: Path):
    return trained_classes(dict(classes=str(path)), CLASSES, {}, None)


BOXES = dict(
    COCO,
    annotations=[
        dict(id=i, image_id=i % 2 + 1, category_id=3 + i % 2 * 2, bbox=[1, 2, 5.5, 4])
        for i in range(3)
    ],
)
BOX_XML = b"""<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin>
<xmax>9</xmax><ymax>7.5</ymax></bndbox></object></annotation>
"""
CLICKS = {'a': [dict(x=3.5, y=4, cls=1, rank=1)], 'b': [dict(x=1, y=2, cls='dog')]}
TARGETS = [
    *_exports(),
    Target(
        'clicks of a training',
        (_as_bytes(CLICKS), b'image,x,y,class,rank\na,3.5,4,1,1\nb,1,2,dog,2\n'),
        _clicks,
        usable=lambda clicks: bool(np.isfinite(clicks.points).all()),
    ),
    Target(
        'tags of a training',
        (_as_bytes({'a': ['cat', 2], 'b': []}), b'image,cat,dog\na,1,0\nb,0,1\n'),
        lambda path: read_tag_file(path, ClassResolver(CLASSES)),
    ),
    Target('VOC XML', (XML,), box_classes),
    Target(
        'split list',
        (b'a\nb\n', '\ufeffa\r\nb'.encode(), 'a\nb\n'.encode('utf-16')),
        _split,
        file='train.txt',
        beside=PICTURES,
    ),
    Target('COCO masks', (_as_bytes(COCO),), _coco_masks, kind='json'),
    Target('COCO tags', (_as_bytes(COCO),), _coco_tags, kind='json', beside=PICTURES),
    Target('boxes of COCO', (_as_bytes(BOXES),), _boxes, kind='json', usable=_finite_boxes),
    Target(
        'boxes of VOC',
        (BOX_XML,),
        lambda path: _boxes(path.parent),
        file='a.xml',
        usable=_finite_boxes,
    ),
    *_columns(),
    Target('list of classes', (b'background\ncat\ndog\n',), _class_file),
]
