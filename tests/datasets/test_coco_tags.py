"""COCO's instances as tags."""

import json

import numpy as np
import pytest
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets.coco_masks import write_coco_masks
from mmseg_weak.datasets.coco_tags import COCO_CLASSES, bit_palette

pytest.importorskip('pycocotools')
PERSON, CAT, TOOTHBRUSH = 1, 17, 90


@pytest.fixture
def coco(tmp_path):
    """Four images, one without objects, one crowd, category ids with COCO's gaps."""
    (tmp_path / 'train2014').mkdir()
    images = []
    for i in range(4):
        name = f'COCO_train2014_{i:012d}.jpg'
        Image.fromarray(np.zeros((6, 7, 3), np.uint8)).save(tmp_path / 'train2014' / name)
        images.append(dict(id=100 + i, file_name=name, width=7, height=6))
    annotations = [
        dict(id=1, image_id=100, category_id=CAT, iscrowd=0, bbox=[0, 0, 1, 1]),
        dict(id=2, image_id=100, category_id=CAT, iscrowd=0, bbox=[0, 0, 1, 1]),
        dict(id=3, image_id=101, category_id=TOOTHBRUSH, iscrowd=0, bbox=[0, 0, 1, 1]),
        dict(id=4, image_id=102, category_id=PERSON, iscrowd=1, bbox=[0, 0, 1, 1]),
        dict(id=5, image_id=102, category_id=CAT, iscrowd=0, bbox=[0, 0, 1, 1]),
    ]
    categories = [
        dict(id=PERSON, name='person'),
        dict(id=CAT, name='cat'),
        dict(id=TOOTHBRUSH, name='toothbrush'),
    ]
    return tmp_path, dict(images=images, annotations=annotations, categories=categories)


def build(coco, content=None, **changes):
    root, whole = coco
    (root / 'instances.json').write_text(json.dumps(content or whole))
    config = dict(
        type='CocoTagDataset',
        data_root=str(root),
        ann_file='instances.json',
        data_prefix=dict(img_path='train2014'),
    )
    return DATASETS.build(dict(config, **changes))


def tags_of(dataset):
    infos = map(dataset.get_data_info, range(len(dataset)))
    return {int(info['img_id'][-2:]): info['tags'] for info in infos}


def test_tags_are_the_classes_of_all_annotations(coco):
    dataset = build(coco)
    assert tags_of(dataset) == {0: (16,), 1: (80,), 2: (1, 16)}
    assert [dataset.metainfo['classes'][i] for i in (1, 16, 80)] == [
        'person',
        'cat',
        'toothbrush',
    ]
    assert dataset.tag_report['images_without_tags'] == 1
    assert len(build(coco, without_tags='keep')) == 4
    subset = build(coco, metainfo=dict(classes=('background', 'cat', 'person')))
    assert tags_of(subset) == {0: (1,), 2: (1, 2)}


def test_there_are_80_classes_with_distinct_colours():
    assert len(set(COCO_CLASSES)) == 80
    palette = bit_palette(81)
    assert len(set(map(tuple, palette))) == 81
    assert palette[:21] == PascalVOCDataset.METAINFO['palette']


def test_missing_images_are_counted_and_named(coco):
    (coco[0] / 'train2014' / 'COCO_train2014_000000000001.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 3 images not found: .*0001\.jpg'):
        build(coco)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(annotations=[dict(id=9, image_id=7, category_id=1)]), 'annotation 9 names 7'),
        (
            dict(annotations=[dict(id=9, image_id=100, category_id=5)]),
            'annotation 9 names 5',
        ),
        (dict(categories=[dict(id=1, name='elf')]), "unknown class 'elf'"),
        (dict(images=[]), 'no images'),
        (dict(images=[dict(id=100)]), 'image 100 has no file_name'),
        (dict(categories=[dict(id=1)]), 'category 1 has no name'),
    ],
)
def test_a_json_that_contradicts_itself(coco, change, message):
    with pytest.raises(ValueError, match=message):
        build(coco, dict(coco[1], **change))


def test_other_files_are_refused(coco):
    with pytest.raises(ValueError, match='no COCO annotations'):
        build(coco, ['nothing'])
    with pytest.raises(FileNotFoundError, match='annotations not found'):
        build(coco, ann_file='none.json')
    with pytest.raises(ValueError, match='no other file'):
        build(coco, tag_file='tags.json')
    (coco[0] / 'broken.json').write_text('{"images": [')
    with pytest.raises(ValueError, match=r'broken\.json: no COCO annotations'):
        build(coco, ann_file='broken.json')


def test_masks_for_scoring_have_the_classes_of_the_tags(coco):
    root, content = coco
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    ids = [PERSON, CAT, TOOTHBRUSH]
    ids += [200 + i for i in range(77)]
    others = [name for name in COCO_CLASSES if name not in ('person', 'cat', 'toothbrush')]
    names = ['person', 'cat', 'toothbrush', *others]
    categories = [dict(id=i, name=name) for i, name in zip(ids, names)]
    annotations = [
        dict(entry, segmentation=square, area=9.0, iscrowd=0)
        for entry in content['annotations'][:3]
    ]
    whole = dict(content, annotations=annotations, categories=categories)
    (root / 'val.json').write_text(json.dumps(whole))
    result = write_coco_masks(
        str(root / 'val.json'), str(root / 'm'), COCO_CLASSES, 1, 'val'
    )
    assert result['images'] == 2
    scored = build(
        coco,
        whole,
        test_mode=True,
        ann_file='m/val.txt',
        data_prefix=dict(img_path='train2014', seg_map_path='m/masks'),
    )
    tagged = tags_of(build(coco, whole))
    for i in range(len(scored)):
        info = scored.get_data_info(i)
        mask = np.array(Image.open(info['seg_map_path']))
        assert (set(np.unique(mask)) - {0}) == set(tagged[i])


OWN = ('background', 'crack', 'rust')


def own(coco):
    root, content = coco
    content['categories'] = [dict(id=PERSON, name='rust'), dict(id=CAT, name='crack')]
    content['annotations'] = [a for a in content['annotations'] if a['id'] != 3]
    return root, content


def test_own_classes_by_metainfo_alone(coco):
    dataset = build(own(coco), metainfo=dict(classes=OWN))
    assert tags_of(dataset) == {0: (1,), 2: (1, 2)}
    assert dataset.label_map is None
    assert len(dataset.metainfo['palette']) == 3
    palette = [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    named = build(own(coco), metainfo=dict(classes=OWN, palette=palette))
    assert named.metainfo['palette'] == palette
    scored = build(own(coco), metainfo=dict(classes=OWN), test_mode=True, ann_file='')
    assert len(scored) == 4 and scored.label_map is None


def test_own_classes_that_the_file_does_not_have(coco):
    with pytest.raises(ValueError, match="unknown class 'rust', did you mean 'rusty'"):
        build(own(coco), metainfo=dict(classes=('background', 'crack', 'rusty')))
    with pytest.raises(ValueError, match="classes lack 'background'"):
        build(own(coco), metainfo=dict(classes=('crack', 'rust')))
    less = dict(classes=('background', 'crack'))
    with pytest.raises(ValueError, match="unknown class 'rust'"):
        build(own(coco), metainfo=less)
    assert tags_of(build(own(coco), metainfo=less, unknown_tags='ignore'))[2] == (1,)


@pytest.mark.parametrize(
    'content', ['[' * 3000, '{"images": 3, "categories": [], "annotations": []}', '[1]', '']
)
def test_odd_files_are_named(coco, content):
    root, _ = coco
    build(coco)
    (root / 'odd.json').write_text(content)
    settings = dict(type='CocoTagDataset', data_root=str(root), ann_file='odd.json')
    with pytest.raises(ValueError, match=r'odd\.json: no COCO annotations'):
        DATASETS.build(dict(settings, data_prefix=dict(img_path='train2014')))
