"""`mmseg-weak convert`: reports, checks of ranges and of names."""

import unicodedata

import numpy as np
import pytest
from golden import GOLDEN, picture
from PIL import Image

from mmseg_weak.cli import run_verb
from mmseg_weak.datasets.formats import ReadOptions, read_annotations
from mmseg_weak.datasets.formats.checks import check_positions, match_names
from mmseg_weak.datasets.formats.conversion import convert


@pytest.fixture
def images(tmp_path):
    """A folder with two images."""
    for name, size in {'sub/a.jpg': (100, 50), 'b.jpg': (4, 3)}.items():
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(*size))
    return tmp_path / 'images'


def test_verb_converts_and_reports(images, tmp_path, capsys):
    path, _ = GOLDEN['cvat'].write(tmp_path)
    run_verb('convert', [str(path)])
    report = capsys.readouterr().out
    assert 'cat: 2 clicks' in report and 'dog: 1 scribbles' in report
    assert 'left out: 1 person (joints of a skeleton)' in report
    out = tmp_path / 'clicks.csv'
    words = [str(path), '--to', 'clicks-csv', '--out', str(out), '--images', str(images)]
    run_verb('convert', words)
    assert '1 scribbles not written' in capsys.readouterr().out
    found = read_annotations(out)
    assert [m.points for m in found.marks('points')] == [[(1.5, 2.25)], [(99.99, 49)]]


def test_verb_writes_masks(images, tmp_path, capsys):
    (tmp_path / 'masks/sub').mkdir(parents=True)
    Image.fromarray(np.eye(50, 100, dtype=np.uint8)).save(tmp_path / 'masks/sub/a.png')
    words = [str(tmp_path / 'masks'), '--classes', 'background', 'cat']
    words += ['--to', 'cvat', '--out', str(tmp_path / 'a.xml'), '--images', str(images)]
    run_verb('convert', words)
    assert '1 masks' in capsys.readouterr().out
    assert '<mask label="cat"' in (tmp_path / 'a.xml').read_text()
    with pytest.raises(ValueError, match='masks need --images'):
        convert(tmp_path / 'masks', 'cvat', tmp_path / 'b.xml', classes=['a'])
    with pytest.raises(ValueError, match='go together'):
        convert(tmp_path / 'masks', 'cvat')


def test_what_has_no_image_is_left_out_and_counted(images, tmp_path, capsys):
    for name in ('a', 'gone', 'b'):
        mask = np.zeros((3, 4) if name == 'b' else (50, 100), np.uint8)
        path = tmp_path / 'masks/sub' / f'{name}.png'
        path = path if name != 'b' else tmp_path / 'masks/b.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    words = (ReadOptions(images=str(images)), ['background', 'cat'])
    report = convert(tmp_path / 'masks', 'nnunet', tmp_path / 'out', *words)
    assert '2 masks' in report
    assert f'1 masks have no image in {images} and are left out, such as sub/gone' in report
    path = csv(tmp_path, [('sub/a', 5, 6), ('gone', 7, 8), ('b', 1, 2)])
    options = ReadOptions(images=str(images))
    report = convert(path, 'clicks', tmp_path / 'o.json', options)
    assert f'1 of 3 images are not in {images} and are left out, such as gone' in report
    found = read_annotations(tmp_path / 'o.json')
    assert [(m.image, m.points) for m in found.marks('points')] == [
        *(('sub/a.jpg', [(5, 6)]), ('b.jpg', [(1, 2)]))
    ]
    path = csv(tmp_path, [('gone', 7, 8)])
    with pytest.raises(ValueError, match='1 of 1 images are not in'):
        convert(path, options=options)


def test_nothing_is_overwritten_unasked(images, tmp_path):
    path = csv(tmp_path, [('b', 1, 2)])
    (tmp_path / 'o.json').write_text('mine')
    with pytest.raises(ValueError, match=r'o\.json exists: --overwrite it'):
        convert(path, 'via3', tmp_path / 'o.json')
    assert (tmp_path / 'o.json').read_text() == 'mine'
    words = ['--to', 'via3', '--out', str(tmp_path / 'o.json'), '--overwrite']
    run_verb('convert', [str(path), *words])
    assert 'b' in (tmp_path / 'o.json').read_text()


def test_sizes_that_differ_are_refused(images, tmp_path):
    path, _ = GOLDEN['cvat'].write(tmp_path)
    (images / 'sub/a.jpg').write_bytes(picture(50, 100))
    with pytest.raises(ValueError, match=r"'sub/a\.jpg': annotated at 100x50, .* 50x100"):
        convert(path, options=ReadOptions(images=str(images)))


def csv(tmp_path, rows):
    path = tmp_path / 'c.csv'
    path.write_text('image,x,y,class\n' + '\n'.join(f'{i},{x},{y},cat' for i, x, y in rows))
    return path


@pytest.mark.parametrize(
    'rows, message',
    [
        ([('sub/a', n / 9, 0.25) for n in range(5)], 'all 5 positions lie between 0 and 1'),
        (
            [('sub/a', 7, 60 + n) for n in range(5)],
            '5 of 5 .* outside .* are the axes swapped',
        ),
    ],
)
def test_positions_in_other_units_are_refused(images, tmp_path, rows, message):
    path = csv(tmp_path, rows)
    with pytest.raises(ValueError, match=message):
        convert(path, options=ReadOptions(images=str(images)))
    assert 'cat: 5 clicks' in convert(path)  # nothing is known without the images


def test_odd_positions_are_told(images, tmp_path):
    report = convert(csv(tmp_path, [('b', 9, 9)]), options=ReadOptions(images=str(images)))
    assert 'note: 1 positions lie outside their image' in report
    points = np.random.default_rng(0).uniform(0, 100, (40, 2))
    (note,) = check_positions(points, np.full((40, 2), 640))
    assert 'if they are percent' in note
    assert check_positions(points, np.full((40, 2), 101)) == []
    assert check_positions(points[:3] / 100, np.full((3, 2), 640)) == []


def plain(name):
    return name.removesuffix('.jpg')


def test_names_match_in_ways_that_are_told():
    nfd = unicodedata.normalize('NFD', 'für.jpg')
    names = ['a.jpg', nfd, '0123abcd-c d.jpg', 'train/d.jpg', 'nowhere.jpg']
    found, notes = match_names(names, ['a', 'für', 'c d', 'x/d', 'other'], plain)
    assert list(found.values()) == ['a', 'für', 'c d', 'x/d', 'nowhere']
    assert [note.split(',')[0] for note in notes] == [
        '1 names match in another Unicode form',
        "1 names match without an upload's prefix",
        '1 names match by the last part of their path',
    ]
    # A prefix stays where an image has it.
    assert match_names(['0123abcd-a.jpg'], ['0123abcd-a', 'b'], plain)[1] == []


@pytest.mark.parametrize(
    'names, expected',
    [
        (['a/1.jpg', 'b/1.jpg', 'c/1.jpg'], ['a/1', 'b/1', 'c/1']),
        (['b/1.jpg', 'c/1.jpg'], ['b/1', 'c/1']),
        (['data/a/1.jpg', 'data/c/1.jpg'], ['a/1', 'data/c/1']),
    ],
)
def test_folders_of_the_same_names_stay_apart(names, expected):
    """A split list takes images of some folders; labels name those of all."""
    for images in (['a/1'], ['a/1', 'd/1']):
        found, _ = match_names(names, images, plain)
        assert list(found.values()) == expected


@pytest.mark.parametrize(
    'names, images, message',
    [
        (['d.jpg'], ['x/d', 'y/d'], r"'d\.jpg' could be x/d or y/d"),
        (['a.jpg', '0123abcd-a.jpg'], ['a'], r"are both the image 'a'"),
    ],
)
def test_names_that_are_ambiguous_are_refused(names, images, message):
    with pytest.raises(ValueError, match=message):
        match_names(names, images, plain)


def test_names_of_a_tool_become_those_of_the_folder(images, tmp_path):
    path = csv(tmp_path, [('deadbeef-b.jpg', 1, 2), ('other/a.jpg', 3, 4)])
    report = convert(
        path, 'coralnet', tmp_path / 'o.csv', options=ReadOptions(images=images)
    )
    assert 'such as deadbeef-b.jpg for b' in report
    assert (tmp_path / 'o.csv').read_text().splitlines()[1:] == [
        'b.jpg,2,1,cat',
        'sub/a.jpg,4,3,cat',
    ]


def test_ids_get_names(tmp_path):
    (tmp_path / 'c.json').write_text('{"a.jpg": [{"x": 1, "y": 2, "cls": 1}]}')
    convert(tmp_path / 'c.json', 'coralnet', tmp_path / 'o.csv', classes=['soil', 'weed'])
    assert (tmp_path / 'o.csv').read_text().splitlines()[1] == 'a.jpg,2,1,weed'
    with pytest.raises(
        ValueError, match=r"c\.json: image 'a\.jpg', entry 0: unknown class id 1"
    ):
        convert(tmp_path / 'c.json', classes=['soil'])


def test_classes_can_be_left_out(tmp_path):
    path, _ = GOLDEN['cvat'].write(tmp_path)
    report = convert(path, 'via3', tmp_path / 'o.json', only=['cat'])
    assert 'left out: 1 dog (class not asked for)' in report
    found = read_annotations(tmp_path / 'o.json')
    assert {m.label for m in found.marks('points', 'lines')} == {'cat'}
    assert found.clicks.images == ('sub/a.jpg', 'b.jpg') and not len(found.tags)
    words = [str(path), '--only', 'cat', 'dog', '--as', 'background']
    run_verb('convert', [*words, '--to', 'clicks-csv', '--out', str(tmp_path / 'o.csv')])
    found = read_annotations(tmp_path / 'o.csv')
    assert [m.label for m in found.marks('points')] == ['background', 'background']
    with pytest.raises(ValueError, match="no class 'owl', there are cat, dog, red panda"):
        convert(path, only=['owl'])
