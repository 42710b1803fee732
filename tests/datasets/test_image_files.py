from pathlib import Path

import mmcv
import numpy as np
import pytest
from PIL import Image

from mmseg_weak.datasets.image_files import image_id, image_sizes, list_image_ids

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
