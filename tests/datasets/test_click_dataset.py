import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader

from mmseg_weak.datasets import ClickDataset, PascalVOCClickDataset, messages

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(30, 20), ratio_range=(1.0, 1.0), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=(20, 30)),
    dict(type='RandomFlip', prob=0.0),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
ANIMALS = dict(classes=('background', 'person', 'cat'))


def clicks_of(dataset, image):
    info = next(
        i for i in map(dataset.get_data_info, range(len(dataset))) if i['img_id'] == image
    )
    return [(*xy, c) for xy, c in zip(info['clicks'].tolist(), info['click_labels'])]


def test_clicks_and_report(config):
    dataset = DATASETS.build(dict(type='PascalVOCClickDataset', **config))
    assert len(dataset) == 3
    assert clicks_of(dataset, 'a') == [(3, 4, 8), (5.5, 6.5, 8), (7, 8, 15)]
    assert [c[2] for c in clicks_of(dataset, 'sub/b')] == [12, 0]
    info = dataset.get_data_info(2)
    assert info['img_id'] == 'c'
    assert info['clicks'].shape == (0, 2)
    assert info['clicks'].dtype == np.float32
    assert info['click_labels'].dtype == np.int64
    report = dataset.click_report
    assert report['images'] == 3
    assert report['clicks'] == 5
    assert report['images_without_clicks'] == 1
    assert {k: v for k, v in report['clicks_per_class'].items() if v} == dict(
        background=1, cat=2, dog=1, person=1
    )
    assert {k: v for k, v in report['dropped'].items() if v} == dict(
        not_in_split=1, outside_image=1
    )
    assert report['labelled_share'] == pytest.approx(5 / (3 * 20 * 30))
    assert report['contradicting_pixels'] == 0


def test_contradicting_clicks_are_counted_once_per_pixel(config, root):
    extra = {
        'a': [dict(x=3.9, y=4.1, cls=15), dict(x=3, y=4, cls=12), dict(x=7, y=8, cls=15)]
    }
    (root / 'extra.json').write_text(json.dumps(extra))
    config['click_file'] = ['clicks.json', 'extra.json']
    report = PascalVOCClickDataset(**config).click_report
    assert report['clicks'] == 8
    assert report['contradicting_pixels'] == 1
    assert report['labelled_share'] == pytest.approx(5 / (3 * 20 * 30))


def test_report_is_logged_once_by_the_main_process(config, monkeypatch):
    said = []
    monkeypatch.setattr(messages, 'print_log', lambda text, **kwargs: said.append(text))
    dataset = PascalVOCClickDataset(pipeline=PIPELINE, **config)
    dataset.full_init()
    dataset[0]
    assert len(said) == 2
    report, absent_classes = said
    for part in (
        '5 clicks on 3 images, 1 images without clicks',
        'cat 2',
        '1 more clicks are of images that are not in this list',
        'clicks dropped: 1 outside the image',
        'outside are such as (40, 8) of a\n',
        'labelled share of all pixels: 2.78e-03',
    ):
        assert part in report
    # The file's clicks name no cow, and dog has but one.
    absent = [name for name, n in dataset.click_report['clicks_per_class'].items() if not n]
    assert (
        absent and f'no click names {", ".join(absent)}: not learnt where' in absent_classes
    )
    assert absent_classes.split(': ')[1] == 'split.txt', 'the list of which it is true'
    monkeypatch.setattr(messages, 'is_main_process', lambda: False)
    PascalVOCClickDataset(**config)
    assert len(said) == 2


def test_background_clicks_of_a_second_file(config, root):
    (root / 'background.csv').write_text('image,x,y\na,1,1\nc,2,2\n')
    dataset = PascalVOCClickDataset(background_click_file='background.csv', **config)
    assert clicks_of(dataset, 'a')[-1] == (1, 1, 0)
    assert clicks_of(dataset, 'c') == [(2, 2, 0)]
    assert dataset.click_report['clicks_per_class']['background'] == 3


def test_limits(config):
    def build(**limits):
        return PascalVOCClickDataset(**config, **limits)

    assert len(clicks_of(build(max_rank=1), 'a')) == 2
    assert build(max_rank=1).click_report['dropped']['max_rank'] == 1
    capped = build(clicks_per_class=1)
    assert clicks_of(capped, 'a') == [(3, 4, 8), (7, 8, 15)]
    assert capped.click_report['dropped']['clicks_per_class'] == 1
    half = build(click_fraction=0.4)
    assert half.click_report['clicks'] == 2
    assert half.click_report['dropped']['click_fraction'] == 3
    one = build(image_fraction=0.5)
    assert len(one) == 3
    assert one.click_report['images_without_clicks'] == 2
    assert len(build(drop_unclicked=True)) == 2
    assert build(drop_unclicked=True).click_report['images_without_clicks'] == 0
    with pytest.raises(ValueError, match='max_rank must be'):
        build(max_rank=0)


@pytest.mark.parametrize('reduce_zero_label', [False, True])
@pytest.mark.parametrize('classes', [None, ('person', 'cat'), ('cat', 'background')])
def test_labels_equal_those_of_masks(tmp_path, classes, reduce_zero_label):
    """A click on each value of a mask gets what LoadAnnotations makes of the value."""
    count = len(PascalVOCClickDataset.METAINFO['classes'])
    mask = np.tile(np.arange(count, dtype=np.uint8), (2, 1))
    Image.fromarray(mask).save(tmp_path / 'mask.png')
    Image.fromarray(mask).save(tmp_path / 'image.png')
    clicks = {'image': [dict(x=i, y=0, cls=i) for i in range(count)]}
    (tmp_path / 'clicks.json').write_text(json.dumps(clicks))
    dataset = _dataset_of_one_image(tmp_path, classes, reduce_zero_label)
    info = dataset.get_data_info(0)
    results = LoadAnnotations()(dict(info, seg_map_path=str(tmp_path / 'mask.png')))
    trained = results['gt_seg_map'][0]
    expected = [(x, c) for x, c in enumerate(trained.tolist()) if c != 255]
    found = list(zip(info['clicks'][:, 0].tolist(), info['click_labels'].tolist()))
    assert found == expected
    dropped = dataset.click_report['dropped']['ignored_class']
    assert dropped == (trained == 255).sum()


def _dataset_of_one_image(root, classes, reduce_zero_label):
    (root / 'split.txt').write_text('image\n')
    return PascalVOCClickDataset(
        ann_file=str(root / 'split.txt'),
        data_prefix=dict(img_path=str(root)),
        img_suffix='.png',
        click_file=str(root / 'clicks.json'),
        metainfo=classes and dict(classes=classes),
        reduce_zero_label=reduce_zero_label,
    )


def test_no_mask_is_reachable(config, root):
    masks = root / 'masks'
    for name in ('a', 'sub/b', 'c'):
        (masks / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(masks / f'{name}.png')
    config['data_prefix']['seg_map_path'] = 'masks'
    opened, watching = [], True

    def watch(event, args):
        if watching and event == 'open':
            opened.append(str(args[0]))

    sys.addaudithook(watch)
    dataset = PascalVOCClickDataset(pipeline=PIPELINE, **config)
    samples = [dataset[i] for i in range(len(dataset))]
    watching = False
    assert any('images' in path for path in opened)
    assert not [path for path in opened if str(masks) in path]
    assert 'seg_map_path' not in dataset.data_prefix
    for i, sample in enumerate(samples):
        assert 'masks' not in repr(dataset.get_data_info(i))
        assert 'masks' not in repr(sample['data_samples'].metainfo)


def test_test_mode_is_the_stock_dataset(config):
    config['data_prefix']['seg_map_path'] = 'masks'
    del config['click_file']
    dataset = PascalVOCClickDataset(test_mode=True, **config)
    assert dataset.get_data_info(0)['seg_map_path'].endswith('masks/a.png')
    assert 'clicks' not in dataset.get_data_info(0)


def test_own_classes_and_folder_without_split(root):
    (root / 'own.csv').write_text('image,x,y,class\na.png,1,2,car\nsub\\b,3,4,0\n')
    dataset = ClickDataset(
        data_prefix=dict(img_path=str(root / 'images')),
        img_suffix='.png',
        click_file=root / 'own.csv',
        metainfo=dict(classes=('road', 'car')),
    )
    ids = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    assert ids == ['a', 'c', 'sub/b']
    assert clicks_of(dataset, 'a') == [(1, 2, 1)]
    assert clicks_of(dataset, 'sub/b') == [(3, 4, 0)]
    assert dataset.label_map is None


def sample_key(sample):
    meta = sample['data_samples']
    return meta.img_id, sample['inputs'].sum().item(), meta.gt_sem_seg.data.sum().item()


@pytest.mark.parametrize('serialize', [True, False])
def test_wrappers_workers_and_pickle(config, serialize):
    dataset = PascalVOCClickDataset(pipeline=PIPELINE, serialize_data=serialize, **config)
    expected = [sample_key(dataset[i]) for i in range(3)]
    assert [sample_key(dataset[i]) for i in range(3)] == expected
    copied = pickle.loads(pickle.dumps(dataset))
    assert [sample_key(copied[i]) for i in range(3)] == expected
    twice = ConcatDataset([dataset, dataset])
    assert [sample_key(twice[i]) for i in range(6)] == expected * 2
    twice = RepeatDataset(dataset, 2)
    assert [sample_key(twice[i]) for i in range(6)] == expected * 2
    loader = DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[0])
    assert [sample_key(sample) for sample in loader] == expected
    batch = next(iter(DataLoader(dataset, batch_size=3, collate_fn=pseudo_collate)))
    assert len(batch['inputs']) == 3


def test_rounding_cannot_push_a_counted_click_outside(config, root):
    """Almost 30 is 30 in float32, which is outside and must be counted as such."""
    edge = {'a': [dict(x=30 - 1e-9, y=1, cls=8), dict(x=30 - 1e-4, y=1, cls=8)]}
    (root / 'clicks.json').write_text(json.dumps(edge))
    dataset = PascalVOCClickDataset(pipeline=PIPELINE[:2], **config)
    assert dataset.click_report['dropped']['outside_image'] == 1
    assert dataset.click_report['clicks'] == len(dataset[0]['click_labels']) == 1


def test_indices(config):
    dataset = PascalVOCClickDataset(indices=[1], **config)
    assert len(dataset) == 1
    assert dataset.get_data_info(0)['img_id'] == 'sub/b'


def test_lazy_init_reads_nothing(config):
    config['click_file'] = 'absent.json'
    dataset = PascalVOCClickDataset(lazy_init=True, **config)
    with pytest.raises(FileNotFoundError, match=r'absent\.json'):
        dataset.full_init()


@pytest.mark.parametrize(
    'changes, error, message',
    [
        (dict(click_file=()), ValueError, 'needs click_file'),
        (dict(click_file='none.json'), FileNotFoundError, r'none\.json'),
        (dict(ann_file='none.txt'), FileNotFoundError, r'split list .*none\.txt'),
        (dict(ann_file='empty.txt'), ValueError, r'empty\.txt is empty'),
        (dict(ann_file='wrong.txt'), FileNotFoundError, r'1 of 2 .*nobody\.png'),
        (dict(ann_file='unclicked.txt'), ValueError, r"no image has a click.*\['c'\]"),
        (dict(img_suffix='.jpg'), FileNotFoundError, r'3 of 3 images not found'),
        (dict(metainfo=dict(classes=('cat', 'unicorn'))), ValueError, 'not a subset'),
        (dict(metainfo=dict(classes=('sheep',))), ValueError, 'no click is left'),
        (dict(metainfo=dict(classes=('cat', 'cat'))), ValueError, 'not distinct'),
        (dict(background_click_file='clicks.json'), ValueError, 'background clicks'),
        (dict(pipeline=[dict(type='LoadAnnotations')]), ValueError, 'use LoadClicks'),
        (
            dict(pipeline=[dict(type='RandomCrop', crop_size=(4, 4))]),
            ValueError,
            'use ClickRandomCrop',
        ),
        (
            dict(
                pipeline=[
                    dict(
                        type='RandomApply',
                        transforms=[dict(type='RandomRotate', prob=0.5, degree=9)],
                    )
                ]
            ),
            ValueError,
            'RandomRotate leaves the clicks behind',
        ),
    ],
)
def test_bad_input_meets_one_clear_error(config, root, changes, error, message):
    (root / 'empty.txt').write_text('\n')
    (root / 'wrong.txt').write_text('a\nnobody\n')
    (root / 'unclicked.txt').write_text('c\n')
    with pytest.raises(error, match=message):
        PascalVOCClickDataset(**{**config, **changes})


def test_own_classes_are_required(config):
    with pytest.raises(ValueError, match=r'needs metainfo=dict\(classes='):
        ClickDataset(**config)
    with pytest.raises(ValueError, match="got 'cat'"):
        ClickDataset(metainfo=dict(classes='cat'), **config)
    with pytest.raises(ValueError, match="needs a class named 'background'"):
        ClickDataset(
            metainfo=dict(classes=[f'class{i}' for i in range(15)] + ['dog']),
            background_click_file='clicks.json',
            **config,
        )


def test_truncated_image(config, root):
    path = root / 'images' / 'c.png'
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r'1 of 3 images are truncated.*c\.png'):
        PascalVOCClickDataset(**config)


def test_unchecked_images_are_not_opened(config, root):
    (root / 'images' / 'c.png').unlink()
    dataset = PascalVOCClickDataset(check_images=False, **config)
    assert dataset.click_report['labelled_share'] is None
    # Nobody looked at sizes: the click outside stays until LoadClicks drops it.
    assert len(clicks_of(dataset, 'a')) == 4
    dataset.pipeline.transforms.extend(
        PascalVOCClickDataset(
            pipeline=PIPELINE[:2], lazy_init=True, **config
        ).pipeline.transforms
    )
    assert len(dataset[0]['click_labels']) == 3


def test_files_as_paths_and_lists(config, root):
    changed = dict(config, click_file=[Path(config['click_file'])])
    one = DATASETS.build(dict(type='PascalVOCClickDataset', **config))
    other = DATASETS.build(dict(type='PascalVOCClickDataset', **changed))
    assert clicks_of(one, 'a') == clicks_of(other, 'a')
    (root / 'more.json').write_text(json.dumps({'a': [{'x': 1, 'y': 1}]}))
    for background in (Path('more.json'), ['more.json']):
        more = dict(config, background_click_file=background)
        dataset = DATASETS.build(dict(type='PascalVOCClickDataset', **more))
        assert (1, 1, 0) in clicks_of(dataset, 'a')
    DATASETS.build(
        dict(type='PascalVOCClickDataset', **dict(config, click_file=None, test_mode=True))
    )
    with pytest.raises(ValueError, match='needs click_file'):
        DATASETS.build(dict(type='PascalVOCClickDataset', **dict(config, click_file=None)))


@pytest.mark.parametrize(
    ('classes', 'index', 'right'),
    [
        (('person', 'background', 'cat'), 0, 1),
        (('person', 'cat'), 0, None),
        (('background', 'cat'), None, 0),
    ],
)
def test_load_clicks_must_know_the_background(config, classes, index, right):
    changed = dict(config, metainfo=dict(classes=classes))
    for given in (index, right):
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks', background_index=given),
        ]
        settings = dict(changed, type='PascalVOCClickDataset', pipeline=pipeline)
        if given == right:
            DATASETS.build(settings)
            continue
        with pytest.raises(ValueError, match=f'background_index={right}'):
            DATASETS.build(settings)


def test_more_classes_than_ids_of_one_byte(config):
    classes = tuple(f'c{i}' for i in range(300))
    with pytest.raises(ValueError, match='300 classes; label maps of one byte'):
        DATASETS.build(dict(config, type='ClickDataset', metainfo=dict(classes=classes)))


def write_boxes(root, kind):
    """Boxes of image a: a cat, a dog, which is no class below, and a person in a crowd."""
    found = [('cat', 1, 2, 11, 8), ('dog', 0, 0, 5, 5), ('person', 3, 3, 9, 9)]
    if kind == 'coco':
        names = {'cat': 7, 'dog': 8, 'person': 9}
        content = dict(
            images=[dict(id=4, file_name='a.png'), dict(id=5, file_name='other.png')],
            categories=[dict(id=i, name=name) for name, i in names.items()],
            annotations=[
                dict(
                    id=i,
                    image_id=4,
                    category_id=names[name],
                    bbox=[x0, y0, x1 - x0, y1 - y0],
                    iscrowd=int(name == 'person'),
                )
                for i, (name, x0, y0, x1, y1) in enumerate(found)
            ],
        )
        (root / 'boxes.json').write_text(json.dumps(content))
        return 'boxes.json'
    (root / 'xml').mkdir(exist_ok=True)
    edges = '<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>'
    text = ''.join(
        f'<object><name>{name}</name><bndbox>'
        f'{edges.format(x0 + 1, y0 + 1, x1, y1)}</bndbox></object>'
        for name, x0, y0, x1, y1 in found[:2]
    )
    (root / 'xml/a.xml').write_text(f'<annotation>{text}</annotation>')
    return 'xml'


@pytest.mark.parametrize('kind', ['coco', 'voc'])
def test_boxes_go_with_the_clicks(config, root, kind):
    config.update(box_file=write_boxes(root, kind), metainfo=ANIMALS)
    dataset = PascalVOCClickDataset(pipeline=PIPELINE, **config)
    info = dataset.get_data_info(0)
    assert info['gt_bboxes'].tolist() == [[1, 2, 11, 8]]
    assert info['gt_bboxes_labels'].tolist() == [2]
    assert 'gt_bboxes' not in dataset.get_data_info(1)
    sample = dataset[0]['data_samples']
    assert sample.gt_bboxes.tolist() == [[1, 2, 11, 8]]
    assert 2 in sample.image_classes


def test_mistakes_in_boxes_are_told(config, root):
    def refuse(text, error=ValueError):
        with pytest.raises(error, match=text) as caught:
            PascalVOCClickDataset(**config)
        assert '\n' not in str(caught.value)

    config['box_file'] = 'absent.json'
    refuse('absent.json does not exist', FileNotFoundError)
    config['box_file'] = write_boxes(root, 'coco')
    path = root / 'boxes.json'
    text = path.read_text()
    path.write_text(text.replace('"cat"', '"unicorn"'))
    refuse("boxes.json: a box of image 'a': unknown class 'unicorn'")
    for edge in ('1e39', 'NaN', '9' * 400):
        path.write_text(text.replace('[1', f'[{edge}', 1))
        refuse('an edge at 1e.39 pixels' if edge == '1e39' else 'must be finite')
    path.write_text(text.replace('"bbox"', '"segmentation"'))
    refuse('annotation 0 has no image, category or bbox')
    config['box_file'] = write_boxes(root, 'voc')
    path = root / 'xml/a.xml'
    text = path.read_text()
    path.write_text(text.replace('<ymax>', '<y>').replace('</ymax>', '</y>'))
    refuse("a.xml: a box of 'cat': an edge must be a number, got ''")
    path.write_text(text[:40])
    refuse('a.xml: not valid XML')
