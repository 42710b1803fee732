"""Headers that promise more than their files can hold; whole blank images are taken."""

import io
import struct
import zlib
from functools import partial

import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_weak.datasets.class_splits import StrongWeakClasses
from mmseg_weak.datasets.formats import read_annotations
from mmseg_weak.datasets.image_checks import check_images
from mmseg_weak.datasets.image_open import open_image, require_credible
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.datasets.strong_masks import StrongMaskReader
from mmseg_weak.datasets.transforms import LoadDeepImage
from mmseg_weak.prediction.photos import read_photo
from mmseg_weak.refinement.boundaries import BoundaryFolder

SIDES = 4, 2**27 - 1


def png_of(width, height):
    """80 bytes of grey whose header promises these sides."""
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(out, 'PNG')
    data = bytearray(out.getvalue())
    data[16:24] = struct.pack('>II', width, height)
    data[29:33] = struct.pack('>I', zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def strong_mask(path):
    classes = StrongWeakClasses(('background', 'cat', 'dog'), (1,), (2,), 0)
    read = StrongMaskReader(LoadAnnotations(), classes, classes.classes, {})
    info = dict(seg_map_path=str(path), label_map=None, reduce_zero_label=False)
    return read(info, False, SIDES)


READERS = {
    'start check': lambda path: check_images([str(path)]),
    'start check of a loader': lambda path: check_images([str(path)], LoadImageFromFile()),
    'mask': read_mask,
    'strong mask': strong_mask,
    'photograph': read_photo,
    'deep image': lambda path: LoadDeepImage()(dict(img_path=str(path))),
    'scribbles': partial(read_annotations, format='scribble-png'),
    'edges': lambda path: BoundaryFolder(str(path.parent))(
        torch.zeros(1, 3, 8, 8), (4, 4), 'a'
    ),
}


@pytest.mark.parametrize('reader', READERS)
def test_a_header_of_gigabytes_is_refused(reader, tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(png_of(*SIDES))
    promise = rf'{path}.*promises 4x{SIDES[1]} pixels, more than its \d+ bytes'
    with pytest.raises(ValueError, match=promise) as error:
        READERS[reader](path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'format, options',
    [
        ('PNG', dict(compress_level=9)),
        ('GIF', {}),
        ('BMP', {}),
        ('JPEG', dict(quality=1, optimize=True)),
        ('JPEG', dict(quality=1, progressive=True)),
        ('WEBP', dict(lossless=True)),
        ('TIFF', dict(compression='tiff_adobe_deflate')),
        ('TIFF', dict(compression='tiff_lzw')),
        ('TIFF', dict(compression='group4')),
    ],
)
@pytest.mark.parametrize('mode', '1L')
def test_blank_images_are_packed_best_and_taken(format, options, mode):
    if mode == 'L' and options.get('compression') == 'group4':
        pytest.skip('bits alone')
    out = io.BytesIO()
    Image.new(mode, (3000, 4000), 255).save(out, format, **options)
    require_credible(out.getvalue())
    with open_image(out) as image:
        assert image.size == (3000, 4000)


def test_what_pillow_does_not_know_is_left_to_its_reader(tmp_path):
    require_credible(b'no image')
    require_credible(tmp_path / 'absent.png')
