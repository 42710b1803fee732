"""COCO's classes become masks of strong images."""

import json

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets.class_splits import COCO_60, COCO_TO_VOC, VOC_CLASSES
from mmseg_weak.datasets.coco_masks import check_outline, write_coco_masks

pytest.importorskip('pycocotools')


def square(number, image, category, x, y, side, crowd=0):
    """An object; a crowd comes run-length coded, column by column."""
    polygon = [[x, y, x + side, y, x + side, y + side, x, y + side]]
    entry = dict(id=number, image_id=image, category_id=category, iscrowd=crowd)
    if crowd:
        dense = np.zeros((20, 30), int)
        dense[y : y + side, x : x + side] = 1
        flat = dense.ravel(order='F')
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
        counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
        return dict(entry, area=side**2, segmentation=dict(size=[20, 30], counts=counts))
    return dict(entry, area=side**2, segmentation=polygon)


@pytest.fixture
def annotations(tmp_path):
    """Three images: a truck with a kite on it and a crowd; one with a person; an empty."""
    content = dict(
        images=[
            dict(id=i, file_name=f'{i:04d}.jpg', height=20, width=30) for i in (1, 2, 3)
        ],
        categories=[
            dict(id=1, name='person'),
            dict(id=8, name='truck'),
            dict(id=38, name='kite'),
        ],
        annotations=[
            square(2, 1, 38, 6, 6, 4),
            square(1, 1, 8, 4, 4, 10),
            square(4, 1, 38, 20, 0, 5, crowd=1),
            square(3, 2, 1, 0, 0, 5),
            square(5, 2, 8, 8, 8, 5),
        ],
    )
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(content))
    return path


def test_masks_lists_and_tags(annotations, tmp_path):
    out = tmp_path / 'out'
    report = write_coco_masks(str(annotations), str(out), ['truck', 'kite'])
    assert report == dict(
        images=1, images_with_other_classes=1, images_with_empty_outlines=0
    )
    assert [p.name for p in (out / 'masks').iterdir()] == ['0001.png']
    assert (out / 'train.txt').read_text() == '0001\n'
    assert json.loads((out / 'tags.json').read_text()) == {'0001': ['kite', 'truck']}
    expected = np.zeros((20, 30), np.uint8)
    expected[4:14, 4:14] = 21
    expected[6:10, 6:10] = 22
    expected[0:5, 20:25] = 255
    mask = np.array(Image.open(out / 'masks' / '0001.png'))
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (['truck', 'zebra'], 'has no class zebra; it has person, truck, kite'),
        (['kite'], 'no image shows only kite'),
        ([], 'do not fit'),
    ],
)
def test_classes_that_cannot_be(annotations, tmp_path, classes, message):
    with pytest.raises(ValueError, match=message):
        write_coco_masks(str(annotations), str(tmp_path / 'out'), classes)


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(FileNotFoundError, match='annotation file not found'):
        write_coco_masks(str(tmp_path / 'x.json'), str(tmp_path))
    (tmp_path / 'x.json').write_text('{')
    with pytest.raises(ValueError, match='not valid JSON'):
        write_coco_masks(str(tmp_path / 'x.json'), str(tmp_path))
    (tmp_path / 'x.json').write_text('{"images": []}')
    with pytest.raises(ValueError, match='no COCO instance file'):
        write_coco_masks(str(tmp_path / 'x.json'), str(tmp_path))


def test_class_map_is_complete():
    assert len(COCO_TO_VOC) == 20 and set(COCO_TO_VOC.values()) == set(VOC_CLASSES)
    assert not set(COCO_60) & set(COCO_TO_VOC)


def test_exported_files(annotations, tmp_path):
    """No area, folders in file names; an object without an outline is named."""
    content = json.loads(annotations.read_text())
    plain = tmp_path / 'plain'
    write_coco_masks(str(annotations), str(plain), ['truck', 'kite'])
    for entry in content['annotations']:
        entry.pop('area')
    content['images'][0]['file_name'] = 'x/1.jpg'
    content['images'][2]['file_name'] = 'y/1.jpg'
    content['annotations'].append(dict(square(6, 3, 8, 0, 0, 4)))
    annotations.write_text(json.dumps(content))
    out = tmp_path / 'exported'
    assert write_coco_masks(str(annotations), str(out), ['truck', 'kite'])['images'] == 2
    expected = np.array(Image.open(plain / 'masks' / '0001.png'))
    found = np.array(Image.open(out / 'masks' / 'x' / '1.png'))
    np.testing.assert_array_equal(found, expected)
    assert (out / 'masks' / 'y' / '1.png').is_file()
    content['annotations'][0].pop('segmentation')
    annotations.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"json: image 1 or .* no 'segmentation'"):
        write_coco_masks(str(annotations), str(tmp_path / 'z'), ['truck', 'kite'])


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('segmentation', None, 'outline of image 1 cannot be drawn'),
        (
            'segmentation',
            dict(size=[5, 5], counts=[0, 25]),
            'outline of image 1 cannot be drawn .*not of 20x30',
        ),
        ('segmentation', dict(size=[20, 30]), "image 1 or an annotation of it has no 'cou"),
        ('image_id', KeyError, "an image, an annotation or a category has no 'image_id'"),
    ],
)
def test_broken_entries_are_named(annotations, tmp_path, key, value, message):
    content = json.loads(annotations.read_text())
    entry = next(e for e in content['annotations'] if e['image_id'] == 1)
    entry[key] = value
    if value is KeyError:
        entry.pop(key)
    annotations.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        write_coco_masks(str(annotations), str(tmp_path / 'out'), ['truck', 'kite'])


def test_images_with_empty_outlines_are_left_out(annotations, tmp_path):
    content = json.loads(annotations.read_text())
    whole = [entry for entry in content['annotations'] if entry['image_id'] == 1]
    whole[0]['segmentation'].append([1, 1])  # beside a whole polygon
    annotations.write_text(json.dumps(content))
    out = str(tmp_path / 'out')
    report = write_coco_masks(str(annotations), out, ['person', 'truck', 'kite'])
    assert report['images'] == 2 and report['images_with_empty_outlines'] == 0
    whole[0]['segmentation'] = []
    annotations.write_text(json.dumps(content))
    report = write_coco_masks(str(annotations), out, ['person', 'truck', 'kite'])
    assert report['images'] == 1 and report['images_with_empty_outlines'] == 1


def test_images_that_differ_in_the_suffix_only(annotations, tmp_path):
    content = json.loads(annotations.read_text())
    content['images'][0]['file_name'] = content['images'][1]['file_name'] + '.png'
    content['images'][1]['file_name'] += '.jpg'
    annotations.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='two images are called'):
        write_coco_masks(
            str(annotations), str(tmp_path / 'out'), ['person', 'truck', 'kite']
        )


@pytest.mark.parametrize('seed', range(20))
def test_outlines_of_pycocotools_pass(seed):
    from pycocotools import mask as coder

    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2).tolist()
    dense = rng.random((height, width)) < rng.random()
    code = coder.encode(np.asfortranarray(dense.astype(np.uint8)))
    for counts in (code['counts'], code['counts'].decode()):
        check_outline(dict(size=[height, width], counts=counts), (height, width))
    with pytest.raises(ValueError, match='not of'):
        check_outline(code, (height + 1, width))


def test_odd_run_lengths_never_reach_pycocotools():
    """It crashes on some; whatever is accepted here must be drawn whole."""
    from pycocotools import mask as coder

    rng = np.random.default_rng(0)
    dense = np.asfortranarray((rng.random((20, 30)) < 0.4).astype(np.uint8))
    text, accepted = coder.encode(dense)['counts'], 0
    for _ in range(1500):
        counts = bytearray(text)
        for _ in range(rng.integers(1, 4)):
            where = rng.integers(len(counts))
            change = rng.integers(3)
            if change == 0:
                counts[where] = rng.integers(256)
            elif change == 1:
                del counts[where:]
            else:
                counts[where:where] = bytes([rng.integers(256)])
            if not counts:
                break
        outline = dict(size=[20, 30], counts=bytes(counts))
        try:
            check_outline(outline, (20, 30))
        except ValueError as error:
            assert 'run lengths' in str(error)
        else:
            accepted += 1
            assert coder.decode(outline).shape == (20, 30)
    assert accepted < 750


@pytest.mark.parametrize(
    'outline',
    [
        [3],
        ['abc'],
        [[1, 2, 3]],
        [[1, 2, 3, None, 5, 6]],
        [[0, 0, 1e30, 0, 1, 1]],
        [[0, 0, float('nan'), 0, 1, 1]],
        'text',
        7,
        dict(size=[20, 30], counts=[-5, 605]),
        dict(size=[20, 30], counts=[600.0]),
        dict(size=[20, 30], counts=[10**12]),
        dict(size=[20, 30], counts=None),
        dict(size=None, counts=[600]),
    ],
)
def test_odd_outlines_are_refused(outline):
    with pytest.raises(ValueError):
        check_outline(outline, (20, 30))
