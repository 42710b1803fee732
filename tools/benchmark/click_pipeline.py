"""Images a second of the click pipeline against mmseg's with PNG label maps.

    python tools/benchmark/click_pipeline.py

Both load, resize, crop and flip the same JPEG files of 500x375 pixels, made on the fly. A
repeat is one pass over all of them in one process, the random draws alike.
"""

import json
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from measure import Row, print_table, seconds_in_turn, time_row
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image

import mmseg_weak  # noqa: F401

CLASSES = ('background', 'cat', 'dog', 'horse')
CLICKS = 10
RESIZE = dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2), keep_ratio=True)
FLIP = dict(type='RandomFlip', prob=0.5)


def make_files(root: Path, images: int, size: tuple[int, int]) -> None:
    """Write pictures of coloured regions, their label maps and clicks on them."""
    rng = np.random.default_rng(0)
    (root / 'images').mkdir()
    (root / 'masks').mkdir()
    clicks = {}
    width, height = size
    colours = rng.integers(0, 256, (len(CLASSES), 3))
    palette = rng.integers(0, 256, 768, dtype=np.uint8).tolist()
    for i in range(images):
        coarse = rng.integers(0, len(CLASSES), (6, 8), dtype=np.uint8)
        labels = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
        noise = cv2.resize(rng.normal(0, 40, (height // 4, width // 4, 3)), size)
        picture = (colours[labels] + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(root / 'images' / f'{i:03d}.jpg', quality=92)
        label_map = Image.fromarray(labels, mode='P')
        label_map.putpalette(palette)
        label_map.save(root / 'masks' / f'{i:03d}.png')
        x, y = rng.integers(0, width, CLICKS), rng.integers(0, height, CLICKS)
        clicks[f'{i:03d}'] = [
            dict(x=int(x), y=int(y), cls=int(labels[y, x])) for x, y in zip(x, y)
        ]
    (root / 'clicks.json').write_text(json.dumps(clicks))


def make_dataset(root: Path, kind: str, crop: int):
    """Click data set (``ours``) or mmseg's base data set on label maps (``stock``)."""
    prefix = dict(img_path='images')
    settings = dict(data_root=str(root), metainfo=dict(classes=CLASSES), img_suffix='.jpg')
    if kind == 'ours':
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            RESIZE,
            dict(type='ClickRandomCrop', crop_size=(crop, crop)),
            FLIP,
            dict(type='RasterizeClicks'),
            dict(type='PackWeakSegInputs'),
        ]
        settings.update(type='ClickDataset', click_file='clicks.json')
    else:
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            RESIZE,
            dict(type='RandomCrop', crop_size=(crop, crop)),
            FLIP,
            dict(type='PackSegInputs'),
        ]
        settings.update(type='BaseSegDataset')
        prefix['seg_map_path'] = 'masks'
    return DATASETS.build(dict(settings, data_prefix=prefix, pipeline=pipeline))


def make_pass(dataset) -> Callable[[], None]:
    """One pass over a data set with the same draws each time."""

    def one_pass() -> None:
        np.random.seed(0)
        for i in range(len(dataset)):
            dataset[i]

    return one_pass


def rows(options: Namespace) -> Iterator[Row]:
    """Measure both pipelines."""
    init_default_scope('mmseg')
    images, size, crop = (2, (100, 75), 64) if options.tiny else (24, (500, 375), 512)
    cv2.setNumThreads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), images, size)
        datasets = {k: make_dataset(Path(folder), k, crop) for k in ('stock', 'ours')}
        forms = {kind: make_pass(dataset) for kind, dataset in datasets.items()}
        row = time_row(
            f'click pipeline, JPEG {size[0]}x{size[1]}, crop {crop}',
            seconds_in_turn(forms, options),
            1,
        )
    for kind in ('stock', 'ours'):
        milliseconds = float(getattr(row, kind).split()[0].replace(',', ''))
        setattr(row, kind, f'{1e3 * images / milliseconds:.0f} images/s')
    yield row


if __name__ == '__main__':
    print_table([rows], __doc__)
