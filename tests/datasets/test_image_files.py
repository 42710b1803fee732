from pathlib import Path

import mmcv
import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets.image_checks import image_sizes
from mmseg_weak.datasets.image_files import image_id, list_image_ids, list_images

SUFFIXES = ('.jpg', '.png', '.bmp')
TURNED = ('.jpg', '.png', '.tiff', '.webp')


def save(path, size=(30, 20), **kwargs):
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path, **kwargs)
    return str(path)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('suffix', TURNED)
def test_sizes_are_those_of_the_loaded_image(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f'a{suffix}', exif=exif)
    height, width = mmcv.imread(path).shape[:2]
    assert image_sizes([path]).tolist() == [[width, height]]


def test_bytes_after_the_end_do_not_matter(tmp_path):
    path = save(tmp_path / 'a.jpg')
    with open(path, 'ab') as file:
        file.write(bytes(1000))
    assert image_sizes([path]).tolist() == [[30, 20]]


def test_a_file_backend_gives_the_same(tmp_path):
    path = save(tmp_path / 'a.jpg')
    assert image_sizes([path], dict(backend='local')).tolist() == [[30, 20]]


@pytest.mark.parametrize('share', [0.0, 0.3, 0.7, 0.95])
@pytest.mark.parametrize('suffix', SUFFIXES)
def test_truncated_image_is_named(tmp_path, suffix, share):
    whole = save(tmp_path / f'whole{suffix}', size=(64, 64))
    content = Path(whole).read_bytes()
    broken = tmp_path / f'broken{suffix}'
    broken.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=rf'1 of 2 images are trunc.*broken\{suffix}'):
        image_sizes([whole, str(broken)])


def test_absent_images_are_counted_and_some_named(tmp_path):
    paths = [save(tmp_path / 'a.jpg'), *(str(tmp_path / f'{i}.jpg') for i in range(9))]
    with pytest.raises(FileNotFoundError, match='9 of 10 images not found') as error:
        image_sizes(paths)
    assert '4.jpg, ...' in str(error.value)
    assert '5.jpg' not in str(error.value)


def test_ids_of_a_folder_and_of_a_split(tmp_path):
    for name in ('b_img.png', 'sub/a_img.png', 'b_mask.png', 'notes.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    assert list_image_ids(str(tmp_path), suffix='_img.png') == ['b', 'sub/a']
    split = tmp_path / 'split.txt'
    split.write_text('sub/a_img.png\n\n./b \nsub\\a\n')
    ids = list_image_ids(str(tmp_path), str(split), '_img.png')
    assert ids == ['sub/a', 'b']


def test_image_id_keeps_a_name_without_suffix():
    assert image_id('2008.jpgs', '.jpg') == '2008.jpgs'


def test_absent_or_empty_lists(tmp_path):
    with pytest.raises(FileNotFoundError, match='image folder not found'):
        list_image_ids(str(tmp_path / 'none'))
    with pytest.raises(FileNotFoundError, match='split list not found'):
        list_image_ids(str(tmp_path), str(tmp_path / 'none.txt'))
    with pytest.raises(ValueError, match=r"ends with '\.jpg' \(img_suffix\)"):
        list_image_ids(str(tmp_path))
    (tmp_path / 'empty.txt').write_text('\n \n')
    with pytest.raises(ValueError, match=r'split list .*empty\.txt is empty'):
        list_image_ids(str(tmp_path), str(tmp_path / 'empty.txt'))


def test_a_mark_of_the_encoding_is_no_part_of_a_name(tmp_path):
    save(tmp_path / 'a.png')
    (tmp_path / 'list.txt').write_text('\ufeffa\r\n', encoding='utf-8')
    split = str(tmp_path / 'list.txt')
    assert list_image_ids(str(tmp_path), split, '.png') == ['a']


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('')


@pytest.mark.parametrize('split', [False, True])
def test_suffixes_count_in_any_case(tmp_path, split):
    files = {'a': 'a.JPG', 'b': 'b.jpg', 'sub/c': 'sub/c.Jpg', 'd': 'd.jpeg', 'e': 'e.PNG'}
    touch(tmp_path, *files.values(), 'notes.txt', 'e.txt')
    ids = ''
    if split:
        (tmp_path / 'ids.txt').write_text('a\nsub/c.JPG\n')
        ids = str(tmp_path / 'ids.txt')
    images = list_images(str(tmp_path), ids)
    wanted = ['a', 'sub/c'] if split else ['a', 'b', 'sub/c']
    assert images == {i: files[i] for i in wanted}
    if split:
        (tmp_path / 'ids.txt').write_text('a\ne\nd.jpeg\nnobody\n')
    images = list_images(str(tmp_path), ids, ('.jpg', '.jpeg', '.png'))
    expected = dict(files)
    if split:
        expected = dict(a='a.JPG', e='e.PNG', d='d.jpeg', nobody='nobody.jpg')
    assert images == expected


def test_images_left_out_are_named(tmp_path, monkeypatch):
    from mmseg_weak.datasets import messages

    said = []
    monkeypatch.setattr(messages, 'print_log', lambda text, **_: said.append(text))
    touch(tmp_path, 'a.jpg', 'b.PNG', 'c.tif')
    list_images(str(tmp_path))
    assert "2 images do not end with '.jpg'" in said[0] and 'b.PNG, c.tif' in said[0]
    assert "img_suffix=('.jpg', '.png', '.tif') takes them too" in said[0]
    assert len(list_images(str(tmp_path), '', ('.jpg', '.png', '.tif'))) == 3
    assert len(said) == 1
    (tmp_path / 'a.jpg').unlink()
    with pytest.raises(ValueError, match=r'it holds images that end with \.PNG, \.tif'):
        list_images(str(tmp_path))


def test_hidden_files_are_left_out(tmp_path):
    hidden = ('.ipynb_checkpoints/a-checkpoint.jpg', '._a.jpg', '__MACOSX/a.jpg')
    touch(tmp_path, 'a.jpg', 'sub/b.jpg', 'sub/.cache/c.jpg', *hidden)
    assert list_images(str(tmp_path)) == {'a': 'a.jpg', 'sub/b': 'sub/b.jpg'}


def test_an_id_of_two_files(tmp_path):
    touch(tmp_path, 'a.jpg', 'a.png', 'b.jpg')
    assert list_images(str(tmp_path)) == dict(a='a.jpg', b='b.jpg')
    with pytest.raises(ValueError, match=r"id 'a' stands for 2 files: a\.jpg, a\.png"):
        list_images(str(tmp_path), '', ('.jpg', '.png'))
    (tmp_path / 'ids.txt').write_text('b\n')  # the other is not asked for
    images = list_images(str(tmp_path), str(tmp_path / 'ids.txt'), ('.jpg', '.png'))
    assert images == dict(b='b.jpg')


@pytest.mark.parametrize('suffix', ['', (), ('.jpg', ''), 7, (3,), None, ' '])
def test_odd_suffixes(tmp_path, suffix):
    with pytest.raises(ValueError, match='img_suffix must'):
        list_images(str(tmp_path), '', suffix)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'a\nb\xff\xfe\xfd\n', r'ids\.txt is no text in UTF-8'),
        ('a\nb\n'.encode('utf-16-le'), r"ids\.txt, line 1: 'a\\x00' holds a character"),
        (b'a\nb\x00c\n', r'ids\.txt, line 2: .* holds a character'),
        (b'\x1b[0m\n', r'ids\.txt, line 1'),
        (b' \n\t\n', r'ids\.txt is empty'),
    ],
)
def test_odd_lists_are_named(tmp_path, content, message):
    (tmp_path / 'ids.txt').write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list_images(str(tmp_path), str(tmp_path / 'ids.txt'))


def test_lists_of_utf16_and_of_any_script(tmp_path):
    names = ['Straße 1', '写真\u3000二', 'e\u0301', '\U0001f600']
    for encoding in ('utf-16', 'utf-8', 'utf-8-sig'):
        (tmp_path / 'ids.txt').write_text('\r\n'.join(names), encoding=encoding)
        assert list_image_ids(str(tmp_path), str(tmp_path / 'ids.txt')) == names
