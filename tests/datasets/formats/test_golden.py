"""Exports written by hand become the same table, whatever the format."""

import json

import numpy as np
import pytest
from golden import GOLDEN, picture, via2_csv
from PIL import Image

from mmseg_weak.datasets.formats import ReadOptions, read_annotations
from mmseg_weak.datasets.formats.brush import encode_brush
from mmseg_weak.datasets.formats.reading import find_format
from mmseg_weak.datasets.formats.source import Source
from mmseg_weak.registry import READERS


def listed_clicks(found) -> list[tuple]:
    kinds = ('points', 'lines', 'no')
    return [(m.image, m.points, m.label, m.negative) for m in found.marks(*kinds)]


def listed_tags(found) -> list[tuple]:
    present = [(i, c, True) for i, c in found.tag_rows(present=True)]
    return present + [(i, c, False) for i, c in found.tag_rows(present=False)]


def same_marks(found, expected) -> None:
    """Equal but for 1e-6 pixels."""
    found = listed_clicks(found)
    expected = [(i, p, str(c), *n, False)[:4] for i, p, c, *n in expected]
    for place in (0, 2, 3):
        assert [mark[place] for mark in found] == [mark[place] for mark in expected]
    for (_, points, _, _), (_, right, _, _) in zip(found, expected):
        assert np.shape(points) == np.shape(right)
        np.testing.assert_allclose(points, right, atol=1e-6, rtol=0)


def read_golden(name, folder):
    golden = GOLDEN[name]
    path, options = golden.write(folder / 'export')
    if name == 'open-images':
        pictures = folder / 'images'
        pictures.mkdir()
        for image, size in golden.sizes.items():
            (pictures / image).write_bytes(picture(*size))
        options = type(options)(images=str(pictures))
    wanted = 'clicks' if golden.clicks else 'tags'
    return read_annotations(path, options=options, wanted=wanted), golden


def test_every_format_has_a_golden_export():
    assert set(GOLDEN) == set(READERS.module_dict)


@pytest.mark.parametrize('name', GOLDEN)
def test_golden_export_is_read(name, tmp_path):
    found, golden = read_golden(name, tmp_path)
    assert found.format == name
    same_marks(found, golden.clicks)
    expected = [(*tag, True)[:3] for tag in golden.tags]
    assert sorted(listed_tags(found)) == sorted(expected)
    assert dict(found.left_out) == golden.left_out
    assert golden.notes in '\n'.join(found.notes)
    assert bool(golden.notes) == bool(found.notes)
    assert found.sizes == golden.sizes
    report = found.report()
    for (reason, _), number in golden.left_out.items():
        assert reason in report and str(number) in report


@pytest.mark.parametrize('name', GOLDEN)
def test_content_tells_the_format_whatever_the_name(name, tmp_path):
    first = next(iter(GOLDEN[name].files))
    path, _ = GOLDEN[name].write(tmp_path / 'export')
    path = path / first if path.is_dir() else path
    unnamed = tmp_path / 'unnamed'
    unnamed.write_bytes(path.read_bytes())
    assert find_format(Source(unnamed)) == name


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'utf-32'])
@pytest.mark.parametrize('name', ['clicks', 'labelstudio', 'via2-csv', 'coralnet'])
def test_byte_order_marks_tell_the_encoding(name, encoding, tmp_path):
    path, options = GOLDEN[name].write(tmp_path)
    path.write_bytes(path.read_bytes().decode('utf-8-sig').encode(encoding))
    same_marks(read_annotations(path, options=options), GOLDEN[name].clicks)


def test_older_forms_of_via(tmp_path):
    (tmp_path / 'one.csv').write_text(via2_csv('#filename'))
    same_marks(read_annotations(tmp_path / 'one.csv'), GOLDEN['via2-csv'].clicks)
    project = GOLDEN['via2'].files['via.json']['_via_img_metadata']
    entry = dict(project['a.jpg123'])
    entry['regions'] = {str(i): region for i, region in enumerate(entry['regions'])}
    golden = type(GOLDEN['via2'])({'via1.json': {'a.jpg123': entry}})
    path, _ = golden.write(tmp_path)
    same_marks(read_annotations(path), GOLDEN['via2'].clicks)


def test_flat_label_studio(tmp_path):
    task = {
        'id': 1,
        'image': '/data/upload/3/0123abcd-a.jpg',
        'kp': [
            dict(
                x=50,
                y=25,
                width=1,
                keypointlabels=['cat'],
                original_width=20,
                original_height=8,
            )
        ],
        'choice': 'night',
        'scene': {'choices': ['sea', 'sky']},
        'remark': 'blurred',
        'annotator': 1,
        'annotation_id': 4,
        'lead_time': 2.5,
    }
    path, _ = type(GOLDEN['tags'])({'min.json': [task]}).write(tmp_path)
    found = read_annotations(path)
    same_marks(found, [('0123abcd-a.jpg', [(10, 2)], 'cat')])
    assert [c for _, c, _ in listed_tags(found)] == ['night', 'sea', 'sky']
    assert 'not used: remark' in found.notes[0]


def test_folders_of_classes_are_tags(tmp_path):
    for name in ('cat/a.jpg', 'dog/a.jpg', 'dog/b.JPG', 'c.jpg', 'dog/readme.md'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    found = read_annotations(tmp_path, wanted='tags')
    assert listed_tags(found) == [
        ('a.jpg', 'cat', True),
        ('a.jpg', 'dog', True),
        ('b.JPG', 'dog', True),
    ]
    assert dict(found.left_out) == {('image not in a folder of one class', ''): 1}
    assert listed_tags(read_annotations(tmp_path, wanted='any')) == listed_tags(found)
    with pytest.raises(ValueError, match='no file here is of a known format'):
        read_annotations(tmp_path)


def test_folders_of_label_maps_are_no_tags_unless_it_is_said(tmp_path):
    (tmp_path / 'site').mkdir()
    (tmp_path / 'notes.txt').write_text('mine')
    Image.new('L', (4, 4)).save(tmp_path / 'site/a.png')
    with pytest.raises(ValueError, match="grey photographs .* as 'folders'"):
        read_annotations(tmp_path, wanted='any')
    found = read_annotations(tmp_path, 'folders', wanted='any')
    assert listed_tags(found) == [('a.png', 'site', True)]
    Image.new('RGB', (4, 4)).save(tmp_path / 'site/a.png')
    assert listed_tags(read_annotations(tmp_path, wanted='any')) == listed_tags(found)


def test_machine_labels_when_asked_for(tmp_path):
    for name in ('cvat', 'coralnet'):
        path, options = GOLDEN[name].write(tmp_path / name)
        options = type(options)(machine_labels=True)
        found = read_annotations(path, options=options)
        assert len(found.clicks) == len(GOLDEN[name].clicks) + 1


def test_tables_of_tags_as_spreadsheets_write_them(tmp_path):
    """Emptied columns and lines stay; a comma in a cell parts nothing."""
    path = tmp_path / 'tags.csv'
    path.write_text('image;tags;;\r\na.jpg;cat|red panda;;\r\nb.jpg;"cat, dog"\r\n;;;\r\n')
    found = read_annotations(path, wanted='tags')
    assert list(found.tag_rows(True)) == [
        *(('a.jpg', 'cat'), ('a.jpg', 'red panda'), ('b.jpg', 'cat, dog'))
    ]
    assert found.notes == ["'cat, dog' is read as one tag: several are parted by ; or |"]
    path.write_text('image;cat;dog;\r\na.jpg;1;0;\r\nb.jpg;0;1;x\r\n')
    with pytest.raises(ValueError, match='line 3: 4 values for 3 columns'):
        read_annotations(path, wanted='tags')


def test_brushes_of_flat_label_studio(tmp_path):
    mask = np.zeros((4, 6), bool)
    mask[1, 2:5] = True
    brush = dict(format='rle', rle=encode_brush(mask), brushlabels=['cat'])
    size = dict(original_width=6, original_height=4, image_rotation=None)
    task = dict(id=1, annotator=1, annotation_id=2, image='a.jpg', tag=[brush | size])
    (tmp_path / 'min.json').write_text(json.dumps([task]))
    (mark,) = read_annotations(tmp_path / 'min.json').marks('points', 'lines')
    assert mark.label == 'cat' and mark.points == [(2.5, 1.5), (4.5, 1.5)]


@pytest.mark.parametrize('end', ['\n', '\n\n'])
def test_points_of_images_that_nobody_downloaded_are_left_out(end, tmp_path):
    """Read by column and, where a line is blank, by line."""
    (tmp_path / 'a.jpg').write_bytes(picture(20, 10))
    head = 'ImageId,X,Y,Label,EstimatedYesNo'
    lines = [head, 'a,0.5,0.5,/m/1,yes', 'b,0.5,0.5,/m/1,no', 'c,0.5,0.5,/m/2,unsure']
    path = tmp_path / 'points.csv'
    path.write_text('\n'.join(lines) + end)
    found = read_annotations(path, options=ReadOptions(images=str(tmp_path)))
    (mark,) = found.marks('points', 'no')
    assert (mark.image, mark.points) == ('a.jpg', [(10, 5)])
    assert found.left_out['its image is not in the folder', '/m/1'] == 1
