"""Tags from files, clicks, VOC's XML and COCO's JSON; and what is wrong with them."""

import json

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets.tag_report import format_tag_report

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    dict(type='RandomResize', scale=(30, 20), ratio_range=(1.0, 1.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(16, 16)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackWeakSegInputs'),
]
CLASSES = dict(classes=('background', 'cat', 'dog', 'red panda'))


@pytest.fixture
def tags_config(root):
    """Arguments of an own set of tags on the three images of ``root``."""
    tags = {'a': ['cat', 'red panda'], 'sub/b.png': [2], 'elsewhere': ['dog']}
    (root / 'tags.json').write_text(json.dumps(tags))
    return dict(
        type='ImageTagDataset',
        data_root=str(root),
        ann_file='split.txt',
        data_prefix=dict(img_path='images'),
        img_suffix='.png',
        tag_file='tags.json',
        metainfo=CLASSES,
    )


def tags_of(dataset):
    infos = map(dataset.get_data_info, range(len(dataset)))
    return {info['img_id']: info['tags'] for info in infos}


def build(config, **changes):
    return DATASETS.build(dict(config, **changes))


def test_own_tags_reach_the_sample(tags_config):
    dataset = build(tags_config, pipeline=PIPELINE)
    assert tags_of(dataset) == {'a': (1, 3), 'sub/b': (2,)}
    batch = pseudo_collate([dataset[0], dataset[1]])
    metas = [sample.metainfo for sample in batch['data_samples']]
    assert [meta['image_classes'] for meta in metas] == [(1, 3), (2,)]
    assert [meta['sample_idx'] for meta in metas] == [0, 1]
    assert all('gt_sem_seg' not in sample for sample in batch['data_samples'])
    report = dataset.tag_report
    assert report['images'] == 2 and report['tags'] == 3
    assert report['images_per_class'] == {'cat': 1, 'dog': 1, 'red panda': 1}
    assert report['images_without_tags'] == 1 and report['without_tags'] == ['c']
    assert report['dropped']['of images not in the data set'] == 1
    told = format_tag_report(report, 'left out').splitlines()
    assert told[-2:] == [
        '  1 more tags are of images that are not in this list',
        '  tags dropped: none',
    ]


CSVS = {
    'image,tags\na,cat; red panda\nsub/b,dog\nc,\n': True,
    'image,tag\na,cat\na,3\n\nsub/b,dog\n': False,
    'image,tag\na,cat\na,3\nsub/b,dog\nc,background\n': True,
    'image,cat,dog,red panda\na,1,0,1\nsub/b, 0, 1, 0\nc,0,0,0\n': True,
    '{"a": ["cat", 3], "sub/b": ["dog"], "c": []}': True,
    '{"a": ["cat", 3], "sub/b": ["dog"], "c": ["background"]}': True,
    '{"a": ["cat", 3], "sub/b": ["dog"]}': False,
}


@pytest.mark.parametrize('text', CSVS)
def test_layouts_agree_and_an_image_the_file_names_stays(tags_config, root, text):
    """Stated to show nothing is a label: it is what teaches where a class is not."""
    (root / 'tags.csv').write_text(text)
    stated = {'c': ()} if CSVS[text] else {}
    dataset = build(tags_config, tag_file='tags.csv')
    assert tags_of(dataset) == {'a': (1, 3), 'sub/b': (2,), **stated}
    assert dataset.tag_report['images_stated_empty'] == len(stated)
    if stated:
        build(tags_config, tag_file='tags.csv', without_tags='error')


def test_tags_of_classes_not_trained_state_nothing(tags_config, root):
    (root / 'tags.csv').write_text('image,tag\na,cat\nsub/b,zebra\nc,\n')
    dataset = build(tags_config, tag_file='tags.csv', unknown_tags='ignore')
    assert tags_of(dataset) == {'a': (1,), 'c': ()}


def test_a_class_on_every_image_is_told_of(tags_config, root, monkeypatch):
    from mmseg_weak.datasets import messages, tag_dataset

    said = _Captured()
    monkeypatch.setattr(messages, 'print_log', said)
    monkeypatch.setattr(tag_dataset, 'FEW', 3)
    (root / 'all.csv').write_text('image,cat,dog\na,1,0\nsub/b,1,1\nc,1,0\n')
    build(tags_config, tag_file='all.csv')
    assert any('every image shows cat: tags cannot tell where' in text for text in said)
    del said[:]
    (root / 'all.csv').write_text('image,cat,dog\na,1,0\nsub/b,1,1\nc,0,0\n')
    build(tags_config, tag_file='all.csv')
    assert not any('every image' in text for text in said)


def test_names_of_a_tool_find_their_images(tags_config, root):
    (root / 'tool.json').write_text(
        json.dumps({'0123abcd-a.png': ['cat'], 'upload/sub/b.png': ['dog'], 'c': []})
    )
    dataset = build(tags_config, tag_file='tool.json')
    assert tags_of(dataset) == {'a': (1,), 'sub/b': (2,), 'c': ()}


def test_several_files_are_joined(tags_config, root):
    (root / 'more.csv').write_text('image,tag\nc,dog\na,cat\na,dog\n')
    dataset = build(tags_config, tag_file=['tags.json', 'more.csv'])
    assert tags_of(dataset) == {'a': (1, 2, 3), 'sub/b': (2,), 'c': (2,)}


def test_images_without_tags(tags_config):
    kept = build(tags_config, without_tags='keep', pipeline=PIPELINE)
    assert tags_of(kept)['c'] == ()
    assert kept[2]['data_samples'].metainfo['image_classes'] == ()
    with pytest.raises(ValueError, match='1 images have no tag, such as c'):
        build(tags_config, without_tags='error')


def test_no_path_to_a_mask_in_training(tags_config, root):
    prefix = dict(img_path='images', seg_map_path='images')
    dataset = build(tags_config, data_prefix=prefix, pipeline=PIPELINE)
    assert not any('seg' in key and key != 'seg_fields' for key in dataset.get_data_info(0))
    assert 'seg_map_path' not in dataset.data_prefix
    scored = build(tags_config, data_prefix=prefix, test_mode=True, seg_map_suffix='.png')
    assert scored.get_data_info(0)['seg_map_path'].endswith('images/a.png')
    assert 'tags' not in scored.get_data_info(0)


class _Captured(list):
    def __call__(self, message, *args, **kwargs):
        self.append(message)


def test_report_names_a_class_without_images(tags_config, root, monkeypatch):
    from mmseg_weak.datasets import messages

    log = _Captured()
    monkeypatch.setattr(messages, 'print_log', log)
    (root / 'tags.json').write_text(json.dumps({'a': ['cat']}))
    build(tags_config)
    assert 'images per class: cat 1, dog 0, red panda 0' in log[0]
    assert 'images without a tag (left out): 2, such as sub/b, c' in log[0]
    assert 'no image shows dog, red panda' in log[1]


BROKEN = {
    '{"a": ["catt"]}': r"image 'a', tags: unknown class 'catt', did you mean 'cat'",
    '{"a": [7]}': r"image 'a', tags: unknown class id 7",
    '{"a": [true]}': r"image 'a', tags: ",
    '{"a": "cat"}': r"image 'a': expected a list of class names",
    '{"a": [{"x": 1, "y": 2, "cls": 1}]}': r'given as click_file',
    '{"a": ["cat"], "a": ["dog"]}': r'the key a occurs twice',
    '{"a": ': r'tags\.txt: not valid JSON',
    '["cat"]': r'expected an object',
    '': r'neither JSON nor a CSV',
    'image,tags\n,cat\n': r'line 2: no image id',
    'image,tags\na,cat,dog\n': r"image 'a', line 2: 3 values for 2 columns",
    'image,cat\na,yes\n': r"image 'a', line 2: expected 0 or 1 in a .*got 'yes'",
    'image,tags\na,cat;lynx\n': r"image 'a', line 2: unknown class 'lynx'",
    '{"z": ["cat"]}': r"no image has a tag: ids of tags look like \['z'\]",
}


@pytest.mark.parametrize('text', BROKEN)
def test_broken_files_get_one_clear_error(tags_config, root, text):
    (root / 'tags.txt').write_text(text)
    with pytest.raises(ValueError, match=BROKEN[text]):
        build(tags_config, tag_file='tags.txt')


def test_unknown_tags_can_be_ignored(tags_config, root):
    (root / 'tags.json').write_text(json.dumps({'a': ['cat', 'lynx'], 'c': ['lynx']}))
    dataset = build(tags_config, unknown_tags='ignore')
    assert tags_of(dataset) == {'a': (1,)}
    assert dataset.tag_report['dropped']['naming no class'] == 2


def test_ids_are_refused_where_the_class_list_may_be_shortened(tags_config, root):
    (root / 'tags.json').write_text(json.dumps({'a': ['cat', 2]}))
    with pytest.raises(ValueError, match=r"image 'a', tags: tag 2 is an id; .* be names"):
        build(tags_config, unknown_tags='ignore')


def test_wrong_options_and_pipelines(tags_config):
    with pytest.raises(ValueError, match='300 classes; label maps of one byte hold 255'):
        names = ('background', *(f'class {i}' for i in range(299)))
        build(tags_config, metainfo=dict(classes=names))
    with pytest.raises(ValueError, match="classes lack 'background'"):
        build(tags_config, metainfo=dict(classes=('cat', 'dog', 'red panda')))
    with pytest.raises(ValueError, match='either tag_file or click_file'):
        build(tags_config, tag_file=None, click_file=None)
    with pytest.raises(FileNotFoundError, match=r'tag file not found: .*none\.json'):
        build(tags_config, tag_file='none.json')
    with pytest.raises(ValueError, match='without_tags must be in'):
        build(tags_config, without_tags='guess')
    with pytest.raises(ValueError, match='unknown_tags must be'):
        build(tags_config, unknown_tags='guess')
    with pytest.raises(ValueError, match='classes are not distinct'):
        build(tags_config, metainfo=dict(classes=('background', 'cat', 'cat')))
    with pytest.raises(ValueError, match='needs metainfo'):
        build(tags_config, metainfo=None)
    for pipeline, message in (
        ([PIPELINE[0], dict(type='LoadAnnotations'), *PIPELINE[1:]], 'reads masks'),
        ([PIPELINE[0], PIPELINE[-1]], 'LoadImageTags'),
        ([*PIPELINE[:-1], dict(type='PackSegInputs')], 'PackSegInputs drops the tags'),
        ([*PIPELINE[:-1], dict(type='PackWeakSegInputs', meta_keys=())], 'image_classes'),
    ):
        with pytest.raises(ValueError, match=message):
            build(tags_config, pipeline=pipeline)


def test_absent_image_is_named(tags_config, root):
    (root / 'images' / 'a.png').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 2 images not found'):
        build(tags_config)


def test_tags_from_clicks_are_the_classes_clicked(config, root):
    config = dict(config, type='PascalVOCTagDataset')
    assert tags_of(build(config)) == {'a': (8, 15), 'sub/b': (12,)}
    subset = build(config, metainfo=dict(classes=('background', 'person', 'cat')))
    assert tags_of(subset) == {'a': (1, 2)}
    report = subset.tag_report
    assert report['dropped']['of classes not trained'] == 1
    assert report['dropped']['of background'] == 1


XML = '<annotation>{}</annotation>'
OBJECT = '<object><name>{}</name><difficult>{}</difficult></object>'


@pytest.fixture
def voc(tmp_path):
    """A devkit of two images; no mask anywhere."""
    (tmp_path / 'JPEGImages').mkdir()
    (tmp_path / 'Annotations').mkdir()
    tags = {'2007_1': [('dog', 0), ('dog', 0), ('person', 1)], '2007_2': [('cat', 1)]}
    for name, objects in tags.items():
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(
            tmp_path / 'JPEGImages' / f'{name}.jpg'
        )
        xml = XML.format(''.join(OBJECT.format(*entry) for entry in objects))
        (tmp_path / 'Annotations' / f'{name}.xml').write_text(xml)
    (tmp_path / 'train.txt').write_text('2007_1\n2007_2\n')
    return tmp_path


def voc_config(voc):
    return dict(type='PascalVOCTagDataset', data_root=str(voc), ann_file='train.txt')


def test_voc_tags_come_from_the_xml_difficult_included(voc):
    dataset = build(voc_config(voc))
    assert tags_of(dataset) == {'2007_1': (12, 15), '2007_2': (8,)}
    subset = build(voc_config(voc), metainfo=dict(classes=('background', 'person')))
    assert tags_of(subset) == {'2007_1': (1,)}


def test_voc_mistakes(voc):
    xml = voc / 'Annotations' / '2007_1.xml'
    xml.write_text('<annotation><object>')
    with pytest.raises(ValueError, match=r'2007_1\.xml: not valid XML'):
        build(voc_config(voc))
    xml.write_text(XML.format(OBJECT.format('unicorn', 0)))
    with pytest.raises(ValueError, match=r"2007_1\.xml: unknown class 'unicorn'"):
        build(voc_config(voc))
    assert tags_of(build(voc_config(voc), unknown_tags='ignore')) == {'2007_2': (8,)}
    xml.unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 2 annotations not found, such as'):
        build(voc_config(voc))
    with pytest.raises(FileNotFoundError, match='annotation folder not found'):
        build(voc_config(voc), data_prefix=dict(img_path='JPEGImages', xml_path='x'))
    with pytest.raises(ValueError, match='one of tag_file and click_file'):
        build(voc_config(voc), tag_file='a', click_file='b')


def test_names_that_are_numbers(tags_config, root):
    (root / 'tags.json').write_text(json.dumps({'a': ['1', 'x'], 'sub/b': ['2']}))
    metainfo = dict(classes=('background', '1', '2'))
    dataset = build(tags_config, metainfo=metainfo, unknown_tags='ignore')
    assert tags_of(dataset) == {'a': (1,), 'sub/b': (2,)}


def test_tags_of_no_trained_class(tags_config, root):
    (root / 'tags.json').write_text(json.dumps({'a': [], 'sub/b': ['background']}))
    with pytest.raises(ValueError, match='no image has a tag of a class that is trained'):
        build(tags_config)


def test_numbers_in_xml_are_no_names(voc):
    xml = voc / 'Annotations' / '2007_1.xml'
    xml.write_text(XML.format(OBJECT.format('8', 0)))
    with pytest.raises(ValueError, match=r'2007_1\.xml: <name> 8 is a number'):
        build(voc_config(voc))


@pytest.mark.parametrize('encoding', ['klingon', 'utf-32', 'rot13'])
def test_xml_of_an_unknown_encoding(voc, encoding):
    xml = voc / 'Annotations' / '2007_1.xml'
    xml.write_text(f'<?xml version="1.0" encoding="{encoding}"?><annotation/>')
    with pytest.raises(ValueError, match=r'2007_1\.xml: not valid XML'):
        build(voc_config(voc))


def test_an_xml_without_objects_states_that_there_are_none(voc):
    xml = voc / 'Annotations' / '2007_1.xml'
    before = tags_of(build(voc_config(voc)))
    xml.write_text(XML.format(''))
    assert tags_of(build(voc_config(voc))) == {**before, '2007_1': ()}
