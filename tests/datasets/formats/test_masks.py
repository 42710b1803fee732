"""Masks written for tools and trainings, decoded again by slow definitions."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from golden import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mmseg_weak.datasets.formats import read_annotations
from mmseg_weak.datasets.formats.brush import brush_lines, decode_brush, encode_brush
from mmseg_weak.datasets.formats.masks import MaskFolder, write_masks
from mmseg_weak.datasets.formats.masks.polygons import one_ring, outlines, runs
from mmseg_weak.registry import WRITERS

CLASSES = ['background', 'cat', 'red panda']
masks = arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7)))


def inside(ring, shape) -> np.ndarray:
    """Pixels whose centre a ring goes around: crossings of a ray to the right, counted."""
    found = np.zeros(shape, dtype=int)
    for row, column in np.ndindex(*shape):
        x, y = column + 0.5, row + 0.5
        for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
            if (y0 > y) != (y1 > y):
                found[row, column] += x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x
    return found % 2 == 1


def unrun(counts, size) -> np.ndarray:
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    assert len(flat) == size
    return flat


@settings(max_examples=60, deadline=None)
@given(masks)
def test_outlines_lose_no_pixel(mask):
    drawn, cut = np.zeros_like(mask), np.zeros_like(mask)
    for outer, holes in outlines(mask):
        part = inside(outer, mask.shape)
        for hole in holes:
            part &= ~inside(hole, mask.shape)
        assert not (drawn & part).any()
        drawn |= part
        cut |= inside(one_ring(outer, holes), mask.shape)
    np.testing.assert_array_equal(drawn, mask)
    np.testing.assert_array_equal(cut, mask)


@settings(max_examples=60, deadline=None)
@given(masks)
def test_runs_and_brushes_come_back(mask):
    np.testing.assert_array_equal(unrun(runs(mask.ravel()), mask.size), mask.ravel())
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), *mask.shape[::-1]), mask)
    drawn = np.zeros_like(mask)
    for (x0, y), (x1, _) in brush_lines(mask):
        drawn[int(y), int(x0) : int(x1) + 1] = True
    np.testing.assert_array_equal(drawn, mask)


def test_long_runs_of_a_brush_are_parted():
    mask = np.zeros((200, 300), dtype=bool)
    mask[20:150, 100:] = True
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), 300, 200), mask)


@pytest.fixture
def folder(tmp_path):
    """Two images with masks that have holes, an ignored part and a class that is absent."""
    rng = np.random.default_rng(0)
    made = {}
    for name, (width, height) in {'sub/a': (12, 9), 'b': (6, 5)}.items():
        mask = rng.choice([0, 1, 2, 255], (height, width), p=[0.4, 0.3, 0.2, 0.1])
        made[name + '.jpg'] = mask.astype(np.uint8)
        for kind, suffix in (('images', '.jpg'), ('masks', '.png')):
            path = tmp_path / kind / (name + suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == 'masks':
                Image.fromarray(made[name + '.jpg']).save(path)
            else:
                path.write_bytes(picture(width, height))
    source = MaskFolder(tmp_path / 'masks', CLASSES, tmp_path / 'images')
    return source, made, tmp_path / 'out'


def drawn_labels(shape, parts):
    labels = np.zeros(shape, dtype=np.uint8)
    for name, mask in parts:
        labels[mask] = CLASSES.index(name)
    return labels


def from_cvat(out, shapes):
    for image in ElementTree.parse(out).getroot().findall('image'):
        parts = []
        for element in image.findall('mask'):
            top, left, height, width = (
                int(element.get(k)) for k in ('top', 'left', 'height', 'width')
            )
            counts = [int(n) for n in element.get('rle').split(', ')]
            mask = np.zeros(shapes[image.get('name')], dtype=bool)
            window = unrun(counts, height * width).reshape(height, width)
            mask[top : top + height, left : left + width] = window
            parts.append((element.get('label'), mask))
        yield image.get('name'), parts


def from_label_studio(out, shapes):
    for task in json.loads(out.read_text()):
        image = task['data']['image'].split('?d=')[1]
        yield (
            image,
            [
                (r['value']['brushlabels'][0], decode_brush(r['value']['rle'], w, h))
                for r in task['predictions'][0]['result']
                for w, h in [(r['original_width'], r['original_height'])]
            ],
        )


def from_labelme(out, shapes):
    for file in out.rglob('*.json'):
        content = json.loads(file.read_text())
        image = (file.parent / content['imagePath']).relative_to(out).as_posix()
        yield (
            image,
            [(s['label'], inside(s['points'], shapes[image])) for s in content['shapes']],
        )


def from_qupath(out, shapes):
    for file in out.rglob('*.geojson'):
        image = file.relative_to(out).as_posix().removesuffix('.geojson')
        parts = []
        for feature in json.loads(file.read_text())['features']:
            rings = feature['geometry']['coordinates']
            assert all(ring[0] == ring[-1] for ring in rings)
            part = sum(inside(ring[:-1], shapes[image]).astype(int) for ring in rings)
            parts.append((feature['properties']['classification']['name'], part == 1))
        yield image, parts


def from_coco(out, shapes):
    content = json.loads(out.read_text())
    names = {c['id']: c['name'] for c in content['categories']}
    for image in content['images']:
        shape, parts = shapes[image['file_name']], []
        for a in content['annotations']:
            if a['image_id'] != image['id']:
                continue
            segment = a['segmentation']
            if isinstance(segment, dict):
                mask = unrun(segment['counts'], np.prod(shape)).reshape(shape, order='F')
            else:
                mask = inside(list(zip(segment[0][::2], segment[0][1::2])), shape)
            y, x = np.nonzero(mask)
            box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
            assert (a['area'], a['bbox']) == (mask.sum(), box)
            parts.append((names[a['category_id']], mask))
        yield image['file_name'], parts


DECODERS = {
    'cvat': ('a.xml', from_cvat),
    'labelstudio': ('a.json', from_label_studio),
    'labelme': ('', from_labelme),
    'qupath': ('', from_qupath),
    'coco': ('a.json', from_coco),
    'coco-polygons': ('a.json', from_coco),
}


@pytest.mark.parametrize('name', DECODERS)
def test_masks_come_back_from_tools(name, folder):
    source, made, out = folder
    end, decode = DECODERS[name]
    out = out / end if end else out
    write_masks(out, source, name)
    found = dict(decode(out, {image: mask.shape for image, mask in made.items()}))
    assert set(found) == set(made)
    for image, mask in made.items():
        expected = np.where(mask == 255, 0, mask)
        np.testing.assert_array_equal(drawn_labels(mask.shape, found[image]), expected)


def test_folders_for_other_trainings(folder):
    source, made, out = folder
    write_masks(out, source, 'ultralytics')
    for image, mask in made.items():
        assert (out / 'images/train' / image).is_file()
        file = (out / 'masks/train' / image).with_suffix('.png')
        np.testing.assert_array_equal(np.asarray(Image.open(file)), mask)
    assert '  2: "red panda"' in (out / 'data.yaml').read_text()
    write_masks(out, source, 'nnunet')  # the older folder is replaced
    assert not (out / 'data.yaml').exists()
    description = json.loads((out / 'dataset.json').read_text())
    assert description['labels'] == {'background': 0, 'cat': 1, 'red panda': 2, 'ignore': 3}
    assert description['numTraining'] == 2
    for image, mask in made.items():
        case = image.replace('/', '_').removesuffix('.jpg')
        labels = np.asarray(Image.open(out / 'labelsTr' / f'{case}.png'))
        np.testing.assert_array_equal(labels, np.where(mask == 255, 3, mask))
        pixels = Image.open(out / 'imagesTr' / f'{case}_0000.png')
        assert (pixels.mode, pixels.size) == ('RGB', mask.shape[::-1])


def test_brushes_are_read_as_scribbles(folder):
    source, made, out = folder
    write_masks(out / 'a.json', source, 'labelstudio')
    tasks = json.loads((out / 'a.json').read_text())
    for task in tasks:
        task['annotations'] = task.pop('predictions')
    (out / 'b.json').write_text(json.dumps(tasks))
    found = read_annotations(out / 'b.json')
    labels = {image: np.zeros(mask.shape, int) for image, mask in made.items()}
    for mark in found.marks('points', 'lines'):
        end = mark.points[-1]
        window = np.s_[int(mark.y), int(mark.x) : int(end[0]) + 1]
        labels[mark.image][window] = CLASSES.index(mark.label)
    for image, mask in made.items():
        np.testing.assert_array_equal(labels[image], np.where(mask == 255, 0, mask))


def test_mistakes_get_one_line(folder):
    source, _, out = folder
    assert set(WRITERS.module_dict) == {*DECODERS, 'ultralytics', 'nnunet'}
    with pytest.raises(ValueError, match="masks cannot be written as 'cwat', there are"):
        write_masks(out, source, 'cwat')
    source.classes = CLASSES[:2]
    with pytest.raises(ValueError, match=r'label 2, the 2 classes end at 1'):
        write_masks(out, source, 'nnunet')
    assert not out.exists()
    (source.images / 'b.jpg').rename(source.images / 'c.jpg')
    (note,) = MaskFolder(source.path, CLASSES, source.images).notes
    assert '1 masks have no image' in note and note.endswith('such as b.png')
    (source.images / 'b.jpg').write_bytes(picture(5, 6))
    with pytest.raises(ValueError, match=r'b\.png: is 6x5, its image b\.jpg .* 5x6'):
        write_masks(out, MaskFolder(source.path, CLASSES, source.images), 'coco')
