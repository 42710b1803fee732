"""Masks of strong classes reach training, weak ones never do."""

import json
import shutil

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets import messages
from mmseg_weak.datasets.class_splits import (
    CLASS_SPLITS,
    COCO_60,
    COCO_TO_VOC,
    VOC_CLASSES,
    VOC_IN_COCO,
    StrongWeakClasses,
)

CLASSES = ('background', 'square', 'disc')
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResize', scale=(64, 64), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(40, 40)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='ListMaskClasses', min_pixels=1),
    dict(type='PackWeakSegInputs'),
]
WEAK = 2


@pytest.fixture
def root(toy_root, tmp_path):
    """The toy set with tags: images 0 to 5 show squares only, the others also discs.

    Image 0 shows a disc nobody tagged.
    """
    shutil.copytree(toy_root, tmp_path, dirs_exist_ok=True)
    tags = {}
    for i in range(12):
        name = f'toy_{i:02d}'
        path = tmp_path / 'masks' / f'{name}.png'
        mask = np.array(Image.open(path))
        if 1 <= i <= 5:
            mask[mask == WEAK] = 0
        mask[0] = 255
        Image.fromarray(mask).save(path)
        tags[name] = ['square'] if i <= 5 else ['square', 'disc']
    (tmp_path / 'tags.json').write_text(json.dumps(tags))
    return tmp_path


def settings(root, **changes):
    inner = dict(
        type='BaseSegDataset',
        data_root=str(root),
        ann_file='train.txt',
        img_suffix='.png',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=CLASSES, palette=[[0, 0, 0], [1, 2, 3], [4, 5, 6]]),
    )
    config = dict(
        type='StrongWeakDataset',
        dataset=inner,
        tags=str(root / 'tags.json'),
        strong_classes=['square'],
        weak_classes=['disc'],
        pipeline=PIPELINE,
    )
    return {**config, **changes}


def build(root, **changes):
    return DATASETS.build(settings(root, **changes))


def labels_of(dataset):
    """Untransformed labels by image id."""
    dataset.pipeline = lambda results: results
    return {dataset[i]['img_id']: dataset[i] for i in range(len(dataset))}


@pytest.mark.parametrize('policy', ['strict', 'keep_strong'])
def test_no_weak_pixel_reaches_training(root, policy):
    """The samples are the same bit by bit when weak pixels are scrambled or background."""
    before = labels_of(build(root, policy=policy))
    rng = np.random.default_rng(0)
    for path in (root / 'masks').iterdir():
        mask = np.array(Image.open(path))
        weak = mask == WEAK
        tagged_weak = int(path.stem[-2:]) > 5
        if policy == 'strict' and tagged_weak:
            path.unlink()  # not even opened
            continue
        if weak.any():  # background must not tell where the object is either
            mask[mask == 0] = rng.integers(0, 2, (mask == 0).sum()) * WEAK
            mask[weak] = 0
        Image.fromarray(mask).save(path)
    after = labels_of(build(root, policy=policy))
    assert before.keys() == after.keys() and len(before) == 12
    for name, sample in before.items():
        np.testing.assert_array_equal(sample['gt_seg_map'], after[name]['gt_seg_map'])
        assert WEAK not in sample['gt_seg_map']
        assert 'seg_map_path' not in sample and 'mask' not in sample


def test_strong_images_keep_their_mask(root):
    samples = labels_of(build(root))
    for i in range(1, 6):
        name = f'toy_{i:02d}'
        mask = np.array(Image.open(root / 'masks' / f'{name}.png'))
        np.testing.assert_array_equal(samples[name]['gt_seg_map'], mask)
        assert samples[name]['image_classes'] == (1,)
    for i in range(6, 12):
        assert (samples[f'toy_{i:02d}']['gt_seg_map'] == 255).all()
        assert samples[f'toy_{i:02d}']['image_classes'] == (1, 2)


def test_untagged_weak_object_takes_the_background_with_it(root):
    labels = labels_of(build(root))['toy_00']['gt_seg_map']
    assert set(np.unique(labels)) == {1, 255}


def test_keep_strong_keeps_the_strong_pixels_only(root):
    samples = labels_of(build(root, policy='keep_strong', images='weak'))
    assert len(samples) == 6
    for name, sample in samples.items():
        mask = np.array(Image.open(root / 'masks' / f'{name}.png'))
        expected = np.where(mask == 1, 1, 255)
        np.testing.assert_array_equal(sample['gt_seg_map'], expected)


def test_pipeline_sees_geometry_and_classes(root):
    dataset = build(root, images='strong')
    assert len(dataset) == 6
    for i in range(6):
        packed = dataset[i]
        sample = packed['data_samples']
        shown = set(sample.gt_sem_seg.data.unique().tolist()) - {0, 255}
        assert sample.gt_sem_seg.data.shape == (1, *packed['inputs'].shape[1:])
        assert set(sample.mask_classes) == shown
        assert sample.image_classes == (1,)


def test_class_agnostic(root):
    plain = labels_of(build(root, images='strong'))
    dataset = build(root, images='strong', class_agnostic=True)
    assert dataset.metainfo['classes'] == ('background', 'foreground')
    for name, sample in labels_of(dataset).items():
        labels = plain[name]['gt_seg_map']
        expected = np.where(labels == 255, 255, labels > 0)
        np.testing.assert_array_equal(sample['gt_seg_map'], expected)


def write_labels(root, classes=CLASSES):
    folder = root / 'labels'
    folder.mkdir()
    (folder / 'manifest.json').write_text(json.dumps(dict(classes=classes, settings={})))
    rng = np.random.default_rng(1)
    for i in range(6, 12):
        label = rng.integers(0, 3, (64, 64)).astype(np.uint8)
        Image.fromarray(label).save(folder / f'toy_{i:02d}.png')
    return folder


def test_pseudo_labels_of_weak_images(root):
    folder = write_labels(root)
    samples = labels_of(build(root, pseudo_label_dir=str(folder)))
    kept = labels_of(build(root, pseudo_label_dir=str(folder), policy='keep_strong'))
    for i in range(6, 12):
        name = f'toy_{i:02d}'
        label = np.array(Image.open(folder / f'{name}.png'))
        np.testing.assert_array_equal(samples[name]['gt_seg_map'], label)
        mask = np.array(Image.open(root / 'masks' / f'{name}.png'))
        expected = np.where(mask == 1, 1, label)
        np.testing.assert_array_equal(kept[name]['gt_seg_map'], expected)


def test_label_folder_is_checked(root):
    with pytest.raises(FileNotFoundError, match='folder of masks is refused'):
        build(root, pseudo_label_dir=str(root / 'masks'))
    folder = write_labels(root)
    (folder / 'toy_08.png').unlink()
    with pytest.raises(ValueError, match='1 of 6 images have no pseudo-label'):
        build(root, pseudo_label_dir=str(folder))


def test_class_map_renames_tags_and_masks(root):
    renamed = dict(
        settings(root)['dataset'], metainfo=dict(classes=('background', 'a', 'b'))
    )
    tags = {
        name: [dict(square='a', disc='b')[tag] for tag in value]
        for name, value in json.loads((root / 'tags.json').read_text()).items()
    }
    (root / 'other.json').write_text(json.dumps(tags))
    mapped = build(
        root,
        dataset=renamed,
        tags=str(root / 'other.json'),
        class_map=dict(a='square', b='disc'),
        metainfo=dict(classes=('background', 'disc', 'square')),
    )
    plain = labels_of(build(root))
    table = np.arange(256)
    table[[1, 2]] = 2, 1
    for name, sample in labels_of(mapped).items():
        expected = table[plain[name]['gt_seg_map']]
        np.testing.assert_array_equal(sample['gt_seg_map'], expected)


def test_tags_from_clicks(root):
    clicks = dict(
        type='ClickDataset',
        data_root=str(root),
        ann_file='train.txt',
        img_suffix='.png',
        data_prefix=dict(img_path='images'),
        click_file='clicks.json',
        metainfo=dict(classes=CLASSES),
    )
    dataset = build(root, tags=clicks, images='weak')
    content = json.loads((root / 'clicks.json').read_text())
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        assert set(info['tags']) == {c['cls'] for c in content[info['img_id']]} - {0}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(strong_classes=['square', 'disc']), 'disc cannot be both strong and weak'),
        (dict(weak_classes=[]), 'there is no weak class'),
        (dict(weak_classes=['disk']), 'weak_classes: disk not among the classes'),
        (
            dict(metainfo=dict(classes=(*CLASSES, 'ring'))),
            'ring neither strong nor weak',
        ),
        (dict(metainfo=dict(classes=('square', 'disc'))), "need 'background'"),
        (dict(metainfo=dict(classes=(*CLASSES, 'disc'))), 'name disc twice'),
        (dict(split='voc-9', strong_classes=[], weak_classes=[]), 'voc-9.* is unknown'),
        (dict(split='voc-1'), 'not both'),
        (dict(policy='lax'), 'policy must be in'),
        (dict(images='some'), 'images must be in'),
        (dict(test_mode=True), 'is for training'),
        (
            dict(pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]),
            'LoadAnnotations must not be in the pipeline',
        ),
        (
            dict(strong_classes=['disc'], weak_classes=['square']),
            'there is no strong image',
        ),
    ],
)
def test_bad_options(root, changes, message):
    with pytest.raises(ValueError, match=message):
        build(root, **changes)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({f'toy_{i:02d}': ['square'] for i in range(12)}, 'without any tag: disc'),
        ({'x.jpg': ['square']}, r"no image has a tag.*\['x.jpg'\].*toy_00"),
        ([1], 'expected'),
        ({'toy_00': 'square'}, "image 'toy_00': expected a list of class names"),
        ({'toy_00': ['square'], 'toy_01': ['disk']}, "unknown class 'disk'; the classes"),
        ({'toy_00': ['square', 2]}, "image 'toy_00', tags: 2 is no class name"),
    ],
)
def test_bad_tags(root, content, message):
    (root / 'tags.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        build(root)


def test_absent_or_broken_files(root):
    with pytest.raises(FileNotFoundError, match='tag file not found'):
        build(root, tags='nowhere.json')
    (root / 'tags.json').write_text('{')
    with pytest.raises(ValueError, match='not valid JSON'):
        build(root)
    with pytest.raises(ValueError, match='neither tags nor clicks'):
        build(root, tags=settings(root)['dataset'])


def test_tags_of_ids_with_suffix_and_from_csv(root):
    tags = json.loads((root / 'tags.json').read_text())
    (root / 'suffix.json').write_text(json.dumps({f'{k}.png': v for k, v in tags.items()}))
    rows = [f'{image}.png,{";".join(names)}' for image, names in tags.items()]
    (root / 'tags.csv').write_text('\n'.join(['image,tags', *rows]))
    expected = labels_of(build(root))
    for name in ('suffix.json', 'tags.csv'):
        found = labels_of(build(root, tags=str(root / name)))
        assert {k: v['tags'] for k, v in found.items()} == {
            k: v['tags'] for k, v in expected.items()
        }


def test_wrappers_and_sets_without_classes_are_refused(root):
    inner = settings(root)['dataset']
    with pytest.raises(ValueError, match='ConcatDataset wraps other data sets'):
        build(root, dataset=dict(type='ConcatDataset', datasets=[inner]))
    with pytest.raises(ValueError, match='BaseSegDataset does not know its classes'):
        build(root, dataset=dict(inner, metainfo=None), metainfo=dict(classes=CLASSES))


def test_wrong_masks(root):
    """One error for each, which names the file."""
    path = root / 'masks' / 'toy_01.png'
    mask = np.array(Image.open(path))
    for wrong, message in (
        (np.rot90(mask)[:-8], r'toy_01.png: mask of 64x\d+ pixels, its image has'),
        (np.where(mask == 1, 9, mask), 'toy_01.png: class id 9; the data set has 0 to 2'),
        (np.zeros((*mask.shape, 3)), 'expected one class id per pixel'),
    ):
        Image.fromarray(wrong.astype(np.uint8)).save(path)
        with pytest.raises(ValueError, match=message):
            build(root, images='strong')  # found at the start: some masks are looked into
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 6 masks not found, such as .*_01'):
        build(root, images='strong')
    build(root, images='weak')


def rewrite(root, change):
    for path in (root / 'masks').glob('*.png'):
        mask = np.array(Image.open(path))
        Image.fromarray(change(mask).astype(np.uint8)).save(path)


def test_masks_of_0_and_255_are_told_of(root):
    rewrite(root, lambda mask: np.where(mask > 0, 255, 0))
    with pytest.raises(ValueError, match='6 of 6 masks looked .* 0 and 255 write the'):
        build(root, images='strong')


def test_masks_of_another_order_are_told_of(root):
    """Relatives: empty masks, and square and disc changed over."""
    rewrite(root, lambda mask: mask * 0)
    with pytest.raises(ValueError, match='6 of 6 masks looked into show none of the'):
        build(root)
    rewrite(root, lambda mask: mask * 0 + 2)
    with pytest.raises(ValueError, match='6 of 6 masks looked into show none of the'):
        build(root, images='strong')


def test_images_stated_to_show_nothing_are_strong(root):
    tags = json.loads((root / 'tags.json').read_text())
    tags['toy_03'], tags['toy_04'] = [], ['background']
    (root / 'tags.json').write_text(json.dumps(tags))
    (root / 'masks' / 'toy_04.png').unlink()
    dataset = build(root, images='strong')
    found = {dataset.get_data_info(i)['img_id'] for i in range(len(dataset))}
    assert 'toy_03' in found and 'toy_04' not in found  # without a mask it says nothing


def test_masks_beyond_pillows_limit(root, monkeypatch):
    expected = labels_of(build(root, images='strong'))
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    assert labels_of(build(root, images='strong')).keys() == expected.keys()


def test_several_suffixes_of_the_inner_set(root):
    path = root / 'images' / 'toy_02.png'
    path.rename(path.with_suffix('.PNG'))
    Image.open(root / 'images' / 'toy_03.png').save(root / 'images' / 'toy_03.bmp')
    (root / 'images' / 'toy_03.png').unlink()
    inner = dict(settings(root)['dataset'], img_suffix=('.png', '.bmp'))
    assert len(build(root, dataset=inner, images='strong')) == 6


def test_ids_of_16_bits_are_not_cut(root):
    path = root / 'masks' / 'toy_01.png'
    mask = np.array(Image.open(path)).astype(np.uint16)
    whole = [step for step in PIPELINE if step['type'] != 'RandomCrop']
    dataset = build(root, images='strong', pipeline=whole)
    Image.fromarray(mask).save(path)
    expected = dataset[1]['data_samples'].gt_sem_seg.data.unique()
    assert 1 in expected
    mask[mask == 1] = 257
    Image.fromarray(mask).save(path)
    with pytest.raises(ValueError, match='toy_01.png: class id 257; the data set has 0'):
        dataset[1]


def test_ids_fit_into_masks(root):
    names = tuple(f'c{i}' for i in range(260))
    inner = dict(settings(root)['dataset'], metainfo=dict(classes=(*CLASSES, *names)))
    with pytest.raises(ValueError, match='263 classes; masks of 8 bits hold 255'):
        build(root, dataset=inner, metainfo=dict(classes=CLASSES))


def test_entries_of_one_image_add_up(root):
    tags = json.loads((root / 'tags.json').read_text())
    tags['toy_05.png'] = ['disc']
    (root / 'tags.json').write_text(json.dumps(tags))
    assert labels_of(build(root))['toy_05']['tags'] == (1, 2)


def test_tag_file_as_path_and_classes_from_a_file(root):
    (root / 'classes.txt').write_text('\n'.join(CLASSES))
    dataset = build(
        root,
        tags=root / 'tags.json',
        metainfo=dict(classes=str(root / 'classes.txt')),
    )
    assert dataset.metainfo['classes'] == CLASSES and len(dataset) == 12


def test_weak_images_without_a_mask_give_tags_only(root):
    (root / 'masks' / 'toy_07.png').unlink()
    dataset = build(root, policy='keep_strong')
    assert dataset.report['weak_without_mask'] == 1
    labels = {name: one['gt_seg_map'] for name, one in labels_of(dataset).items()}
    assert (labels['toy_07'] == 255).all() and (labels['toy_08'] == 1).any()


def test_unknown_names_of_masks_may_be_weak_ones(root, monkeypatch):
    """A forgotten class_map does not show the shape of weak objects."""
    said = []
    monkeypatch.setattr(messages, 'print_log', lambda text, **_: said.append(text))
    inner = dict(
        settings(root)['dataset'], metainfo=dict(classes=('background', 'square', 'd'))
    )
    dataset = build(root, dataset=inner, metainfo=dict(classes=CLASSES), images='strong')
    labels = labels_of(dataset)['toy_00']['gt_seg_map']
    assert set(np.unique(labels)) == {1, 255}
    assert 'masks know no disc, and their d are not trained' in said[0]
    trained = dict(classes=('background', 'square', 'd', 'disc'))
    dataset = build(
        root,
        dataset=inner,
        metainfo=trained,
        strong_classes=['square', 'd'],
        images='strong',
    )
    assert set(np.unique(labels_of(dataset)['toy_00']['gt_seg_map'])) == {0, 1, 2, 255}
    assert len([text for text in said if 'masks know' in text]) == 1


def test_inner_metainfo_must_not_drop_a_weak_class(root):
    inner = settings(root)['dataset']
    inner.update(
        type='PascalVOCDataset',
        metainfo=dict(classes=('background', 'aeroplane')),
        seg_map_suffix='.png',
    )
    with pytest.raises(ValueError, match="leaves out 'bicycle', which is weak"):
        build(
            root,
            dataset=inner,
            metainfo=dict(classes=('background', 'aeroplane', 'bicycle')),
            strong_classes=['aeroplane'],
            weak_classes=['bicycle'],
        )


def test_names_of_coco_become_those_of_a_split(root):
    tags = {f'toy_{i:02d}': ['airplane'] if i <= 5 else ['bird'] for i in range(12)}
    for i, name in enumerate(VOC_IN_COCO):
        tags[f'toy_{6 + i % 6:02d}'] += [name]
    (root / 'tags.json').write_text(json.dumps(tags))
    classes = ('background', *VOC_IN_COCO, *COCO_60)
    inner = dict(settings(root)['dataset'], metainfo=dict(classes=classes))
    dataset = build(
        root,
        dataset=inner,
        class_map=COCO_TO_VOC,
        split='voc-1',
        strong_classes=(),
        weak_classes=(),
    )
    assert dataset.metainfo['classes'] == ('background', *VOC_CLASSES)
    labels = labels_of(dataset)['toy_01']['gt_seg_map']
    mask = np.array(Image.open(root / 'masks' / 'toy_01.png'))
    np.testing.assert_array_equal(labels, mask)  # aeroplane is the first class of both


def test_a_class_can_be_background(root):
    """Sets such as ADE20K have no background of their own."""
    inner = dict(settings(root)['dataset'], metainfo=dict(classes=('road', *CLASSES[1:])))
    with pytest.raises(ValueError, match="need 'background' .class_map can name"):
        build(root, dataset=inner)
    tags = json.loads((root / 'tags.json').read_text())
    tags = {image: ['road', *names] for image, names in tags.items()}
    tags['toy_11'] = ['road']
    (root / 'tags.json').write_text(json.dumps(tags))
    dataset = build(root, dataset=inner, class_map=dict(road='background'))
    assert dataset.metainfo['classes'] == CLASSES
    assert dataset.report['untagged'] == 1 and len(dataset) == 11
    assert {dataset.get_data_info(i)['tags'] for i in range(11)} == {(1,), (1, 2)}


def test_published_splits():
    classes = ('background', *VOC_CLASSES)
    strong = {name: set(CLASS_SPLITS[name][0]) for name in CLASS_SPLITS}
    assert len(strong['voc-1']) == len(strong['voc-2']) == 10
    assert strong['voc-1'] | strong['voc-2'] == set(VOC_CLASSES)
    assert strong['voc-3'] < strong['voc-1'] and len(strong['voc-3']) == 6
    for name in CLASS_SPLITS:
        both = (*classes, *COCO_60) if name == 'voc-4' else classes
        split = StrongWeakClasses.resolve(both, split=name)
        assert len(split.strong) + len(split.weak) + 1 == len(both)
    novel = [CLASS_SPLITS[f'pascal-5i-{i}'][1] for i in range(4)]
    assert [name for fold in novel for name in fold] == list(VOC_CLASSES)
    assert novel[0] == ['aeroplane', 'bicycle', 'bird', 'boat', 'bottle']
    assert len(COCO_60) == 60 and not set(COCO_60) & set(VOC_CLASSES)


def test_no_image_of_the_inner_data_set(root):
    inner = dict(settings(root)['dataset'], img_suffix='.jpg', ann_file='')
    with pytest.raises(ValueError, match=r"ends with '.jpg' \(img_suffix\)"):
        build(root, dataset=inner)


@pytest.mark.parametrize(('images', 'told'), [('all', True), ('strong', False)])
def test_weak_images_without_labels_are_told_of(root, monkeypatch, images, told):
    said = []
    monkeypatch.setattr(messages, 'print_log', lambda text, **_: said.append(text))
    build(root, images=images)
    assert told == any('6 weak images have no labels' in text for text in said)
