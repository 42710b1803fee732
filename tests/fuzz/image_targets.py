"""Readers of images, masks, label maps and stored maps."""

import io
from pathlib import Path

import numpy as np
import torch
from harness import Target
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_weak.datasets.class_splits import StrongWeakClasses
from mmseg_weak.datasets.image_checks import check_images
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.datasets.pseudo_label_folder import PseudoLabelFolder
from mmseg_weak.datasets.strong_masks import StrongMaskReader
from mmseg_weak.datasets.transforms.deep_images import LoadDeepImage
from mmseg_weak.labelling.folder import read_maps
from mmseg_weak.live.cache import FeatureCache
from mmseg_weak.prediction.photos import read_photo
from mmseg_weak.project.masks import mask_values
from mmseg_weak.refinement.boundaries import (
    BoundaryFolder,
    HolisticEdgeNetwork,
    load_edge_network,
)

WIDTH, HEIGHT = 24, 16
CLASSES = ('background', 'cat', 'dog')


def _pixels(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 60, (HEIGHT, WIDTH, 3))
    ramp = np.arange(WIDTH)[None, :, None] * 8
    return (noise + ramp).clip(0, 255).astype(np.uint8)


def _saved(array: np.ndarray, format: str, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, format, **options)
    return out.getvalue()


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved(_pixels(), 'JPEG', exif=exif)


DEEP = _pixels()[..., 0].astype(np.uint16) * 200
PNGS = (_saved(_pixels(), 'PNG'), _saved(_pixels()[..., 0], 'PNG'))
OTHERS = (
    _saved(_pixels(), 'JPEG'),
    _saved(_pixels(), 'JPEG', progressive=True),
    _turned(),
    _saved(_pixels(), 'BMP'),
    _saved(_pixels(), 'TIFF'),
    _saved(_pixels(), 'TIFF', compression='tiff_lzw'),
    _saved(DEEP, 'TIFF'),
    _saved(_pixels()[..., 0].astype(np.float32), 'TIFF'),
    _saved(_pixels(), 'WEBP'),
)
LABELS = np.repeat(np.array([0, 1, 2, 255], np.uint8), 6)[None].repeat(HEIGHT, 0)
MANIFEST = b'{"classes": ["background", "cat", "dog"], "made_by": "hand"}'


def _mask() -> bytes:
    image, out = Image.fromarray(LABELS), io.BytesIO()
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(out, 'PNG')
    return out.getvalue()


MASKS = (_mask(), _saved(LABELS, 'PNG'), _saved(LABELS.astype(np.uint16), 'PNG'))


def _headers(path: Path):
    return check_images([str(path)], LoadImageFromFile())


def _decoded(path: Path):
    return check_images([str(path)], LoadImageFromFile(), decode=True)


def _deep(path: Path):
    return LoadDeepImage()(dict(img_path=str(path)))['img']


def _strong(path: Path):
    classes = StrongWeakClasses(CLASSES, (1,), (2,), 0)
    read = StrongMaskReader(LoadAnnotations(), classes, CLASSES, {})
    info = dict(seg_map_path=str(path), label_map=None, reduce_zero_label=False)
    return read(info, False, (HEIGHT, WIDTH))


def _label(path: Path):
    folder = PseudoLabelFolder(path.parent)
    folder.check(['a'], CLASSES)
    return folder.read('a', (HEIGHT, WIDTH))


def _small(sizes) -> bool:
    """A header of 2 KB must not ask for gigabytes later."""
    return int(np.prod(sizes[0])) < 2**27


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _npz(save=np.savez, **arrays) -> bytes:
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


MAPS = dict(
    cams=np.linspace(0, 1, 48).reshape(2, 4, 6).astype(np.float16),
    labels=np.array([1, 2]),
    size=np.array([HEIGHT, WIDTH]),
)
SMALL_NETWORK = HolisticEdgeNetwork([[2], [2]])


def _stored(path: Path):
    maps, labels, size = read_maps(path.parent, 'a')
    return maps, labels, size


def _usable_maps(found) -> bool:
    maps, labels, size = found
    finite = bool(np.isfinite(maps).all())
    return finite and maps.ndim == 3 and len(maps) == len(labels) and len(size) == 2


def _boundary(path: Path):
    return BoundaryFolder(str(path.parent))(torch.zeros(1, 3, 8, 8), (4, 4), 'a')


def _cache(path: Path):
    """What cannot be read is computed again."""
    cache = FeatureCache(path.parent, lambda _: [np.zeros((1, 2, 2), np.float16)], '')
    cache._key = lambda _: path.stem
    return cache.get('image')


def _networks():
    state = {k: v.numpy() for k, v in SMALL_NETWORK.state_dict().items()}
    return _npz(**state), _npz(np.savez_compressed, **state)


def _finite_network(network) -> bool:
    return all(torch.isfinite(p).all() for p in network.parameters())


def _image(name: str, read, samples=OTHERS, kind: str = 'bytes', **options) -> Target:
    return Target(name, samples, read, kind=kind, **options)


TARGETS = [
    _image('image, start check', _headers, usable=_small),
    _image('image PNG, start check', _headers, PNGS, 'png', usable=_small),
    _image('image, decoded at the start', _decoded, usable=_small),
    _image('image PNG, decoded at the start', _decoded, PNGS, 'png', usable=_small),
    _image('deep image', _deep, (OTHERS[6], OTHERS[7], _saved(DEEP, 'PNG')), 'bytes'),
    _image('photograph', read_photo, (*OTHERS, *PNGS)),
    _image('mask', read_mask, MASKS, 'png', usable=lambda mask: mask.ndim == 2),
    _image('strong mask', _strong, MASKS, 'png'),
    _image('mask of a new project', mask_values, MASKS, 'png'),
    Target(
        'label map',
        MASKS[:1],
        _label,
        file='a.png',
        kind='png',
        beside=(('manifest.json', MANIFEST),),
        usable=lambda labels: labels.dtype == np.uint8,
    ),
    Target(
        'activation maps',
        (_npz(**MAPS), _npz(np.savez_compressed, **MAPS)),
        _stored,
        file='a.npz',
        kind='zip',
        usable=_usable_maps,
    ),
    Target(
        'boundary map',
        (_npy(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)),),
        _boundary,
        file='a.npy',
        usable=lambda found: bool(torch.isfinite(found).all()),
    ),
    Target('boundary PNG', PNGS[1:], _boundary, file='a.png', kind='png'),
    Target(
        'edge network', _networks(), load_edge_network, kind='zip', usable=_finite_network
    ),
    Target('feature cache', (_npz(**MAPS),), _cache, file='k.npz', kind='zip'),
]
