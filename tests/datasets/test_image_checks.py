"""Images that are whole and yet cannot be loaded, or lose what they show."""

import cv2
import mmcv
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmseg_weak.datasets import ClickDataset, image_checks, messages
from mmseg_weak.datasets.image_checks import check_images, image_sizes, read_headers
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.datasets.transforms import LoadDeepImage


@pytest.fixture
def scene():
    return np.random.default_rng(0).integers(0, 4096, (40, 50), dtype=np.uint16)


def write(path, array):
    assert cv2.imwrite(str(path), array)
    return str(path)


@pytest.mark.parametrize(
    ('suffix', 'dtype', 'channels', 'bits'),
    [
        ('.png', np.uint8, 3, 8),
        ('.png', np.uint16, 1, 16),
        ('.png', np.uint16, 3, 16),
        ('.tif', np.uint16, 1, 16),
        ('.tif', np.uint16, 3, 16),
        ('.tif', np.float32, 1, 32),
        ('.jpg', np.uint8, 3, 8),
    ],
)
def test_bits_are_known_from_the_header(tmp_path, suffix, dtype, channels, bits):
    array = np.zeros((6, 8, channels) if channels > 1 else (6, 8), dtype)
    sizes, kinds = read_headers([write(tmp_path / f'a{suffix}', array)])
    assert sizes.tolist() == [[8, 6]]
    assert kinds[0].bits == bits


def test_twelve_bits_in_sixteen_are_refused_with_the_range(tmp_path, scene):
    paths = [write(tmp_path / f'{i}.png', scene) for i in range(3)]
    loaded = mmcv.imread(paths[0])
    assert loaded.max() == 15  # what training would see
    with pytest.raises(ValueError, match=r'3 images .* 16 bits .*0 to 15 of 255.*LoadDeep'):
        check_images(paths, LoadImageFromFile())
    assert len(check_images(paths, LoadDeepImage(value_range=(0, 4095)))) == 3


def test_sixteen_bits_in_full_are_told_of(tmp_path, scene, monkeypatch):
    said = []
    monkeypatch.setattr(messages, 'print_log', lambda text, **_: said.append(text))
    check_images([write(tmp_path / 'a.png', scene * 16)], LoadImageFromFile())
    assert len(said) == 1 and 'load as 0 to 255 of 255' in said[0]
    check_images([write(tmp_path / 'b.png', (scene // 16).astype(np.uint8))])
    assert len(said) == 1


def test_every_kind_is_loaded_once(tmp_path):
    rgb = np.zeros((6, 8, 3), np.uint8)
    floats = write(tmp_path / 'c.tif', np.ones((6, 8), np.float32))
    paths = [write(tmp_path / 'a.png', rgb), write(tmp_path / 'b.jpg', rgb), floats]

    class Picky(LoadImageFromFile):
        """Counts, and cannot read floats, as older decoders."""

        def transform(self, results):
            seen.append(results['img_path'])
            return None if results['img_path'] == floats else super().transform(results)

    seen = []
    with pytest.raises(ValueError, match=r'c\.tif: Picky cannot load it'):
        check_images([paths[0]] * 5 + paths, Picky())
    assert sorted(set(seen)) == sorted(paths) and len(seen) == 3


def test_floats_load_through_the_transform(tmp_path):
    ramp = np.linspace(-1, 3, 200, dtype=np.float32).reshape(10, 20)
    path = write(tmp_path / 'a.tif', ramp)
    image = LoadDeepImage(value_range=(-1, 3))(dict(img_path=path))['img']
    assert image.dtype == np.uint8 and image.shape == (10, 20, 3)
    assert np.array_equal(image[..., 0], np.rint((ramp + 1) / 4 * 255).astype(np.uint8))


def test_deep_image_maps_a_range(tmp_path, scene):
    path = write(tmp_path / 'a.png', scene)
    results = LoadDeepImage(value_range=(100, 3000))(dict(img_path=path))
    expected = np.rint((scene.astype(float) - 100).clip(0, 2900) / 2900 * 255)
    assert np.abs(results['img'][..., 1] - expected).max() <= 1
    assert results['img_shape'] == results['ori_shape'] == (40, 50)
    stretched = LoadDeepImage(percentiles=(5, 95))(dict(img_path=path))['img']
    assert 0.04 < (stretched == 0).mean() < 0.07 and 0.04 < (stretched == 255).mean() < 0.07
    flat = write(tmp_path / 'b.png', np.full((4, 4), 700, np.uint16))
    assert (LoadDeepImage()(dict(img_path=flat))['img'] == 0).all()
    odd = np.array([[np.nan, np.inf, 0, 1]], np.float32)
    odd = LoadDeepImage(value_range=(0, 1))(dict(img_path=write(tmp_path / 'o.tif', odd)))
    assert odd['img'][0, :, 0].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_deep_image_is_upright_and_equals_mmcv_on_8_bits(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png', exif=exif)
    results = dict(img_path=str(tmp_path / 'a.png'))
    image = LoadDeepImage(value_range=(0, 255))(dict(results))['img']
    assert np.array_equal(image, LoadImageFromFile()(dict(results))['img'])


@pytest.mark.parametrize(
    'options',
    [
        dict(value_range=(3, 3)),
        dict(value_range=(4, 3)),
        dict(percentiles=(-1, 99)),
        dict(percentiles=(50, 50)),
        dict(percentiles=(0, 101)),
    ],
)
def test_deep_image_options(options):
    with pytest.raises(ValueError, match='low < high'):
        LoadDeepImage(**options)


def test_images_beyond_pillows_limit(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    Image.new('L', (40, 30)).save(path)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    assert image_sizes([str(path)]).tolist() == [[40, 30]]
    assert read_mask(path).shape == (30, 40)
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(image_checks, 'LARGEST', 1000)
    with pytest.raises(ValueError, match=r'a\.png \(40x30 pixels, OpenCV loads at most'):
        image_sizes([str(path)])


def test_damage_inside_is_found_on_demand(config, root):
    """Headers and ends are whole, the compressed pixels are not."""
    path = root / 'images' / 'c.png'
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    settings = dict(config, metainfo=dict(classes=('background', 'cat', 'dog')))
    settings['click_file'] = 'own.json'
    (root / 'own.json').write_text('{"a": [{"x": 1, "y": 1, "cls": "cat"}]}')
    settings['pipeline'] = [dict(type='LoadImageFromFile')]
    ClickDataset(**settings)
    with pytest.raises(ValueError, match=r'c\.png: LoadImageFromFile cannot load it'):
        ClickDataset(check_images='decode', **settings)
    with pytest.raises(ValueError, match="check_images must be True, False or 'decode'"):
        ClickDataset(check_images='all', **settings)


def test_several_suffixes_through_a_data_set(config, root):
    """Listing, clicks with and without suffix, and the stock masks of ``test_mode``."""
    (root / 'images' / 'a.png').rename(root / 'images' / 'a.PNG')
    Image.open(root / 'images' / 'c.png').save(root / 'images' / 'c.JPEG')
    (root / 'images' / 'c.png').unlink()
    settings = dict(config, metainfo=dict(classes=('background', 'cat', 'dog')))
    settings |= dict(click_file='own.csv', img_suffix=('.png', '.jpeg'), ann_file='')
    (root / 'own.csv').write_text(
        'image,x,y,class\na,1,1,cat\nc.JPEG,2,2,1\nc.JPEG,3,3,2\n'
    )
    dataset = ClickDataset(**settings)
    info = [dataset.get_data_info(i) for i in range(3)]
    assert [i['img_id'] for i in info] == ['a', 'c', 'sub/b']
    assert [i['img_path'].rpartition('.')[2] for i in info] == ['PNG', 'JPEG', 'png']
    assert [len(i['clicks']) for i in info] == [1, 2, 0]
    settings['data_prefix'] = dict(img_path='images', seg_map_path='masks')
    tested = ClickDataset(test_mode=True, **settings)
    masks = [tested.get_data_info(i)['seg_map_path'] for i in range(3)]
    assert [m.rpartition('masks/')[2] for m in masks] == ['a.png', 'c.png', 'sub/b.png']
