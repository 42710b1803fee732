"""Feature labellers on tiny networks, importable by worker processes, and clicks."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.labelling import FeatureLabeller
from mmseg_weak.live import FrozenPyramid
from mmseg_weak.registry import LABELLERS

TINY = dict(type='EfficientNetLite', arch='lite0', out_indices=(0, 1, 2))


@LABELLERS.register_module()
@dataclass
class TinyFeatureLabeller(FeatureLabeller):
    """As its base, 64 pixels."""

    def pyramid(self, device):
        return FrozenPyramid(TINY, long_side=64, device=device)


class Colours:
    """The colours of an image as its only features, in place of a network."""

    digest = 'colours'

    def size(self, height, width):
        return height, width

    def __call__(self, image):
        return [(image.transpose(2, 0, 1) / 255).astype(np.float16)]


@LABELLERS.register_module()
@dataclass
class TinyColourLabeller(FeatureLabeller):
    """As its base, on colours."""

    def pyramid(self, device):
        return Colours()


CLASSES = ['grass', 'square']
CLICKS = {
    'a.png': [(5.5, 20.5, 'square'), (50.5, 40.5, 'grass')],
    'b.jpg': [(30.5, 20.5, 'square'), (60.5, 5.5, 'grass'), (2.5, 40.5, 'grass')],
    'more/a.png': [(40.5, 2.5, 'grass')],
}
OPTIONS = dict(threshold=0.0, class_restriction='none')


def config_of(photos, clicks, **options):
    """Clicks of (x, y, name) by image, as a training set."""
    entries = {
        str(Path(image).with_suffix('')): [
            dict(x=x, y=y, cls=CLASSES.index(name)) for x, y, name in marks
        ]
        for image, marks in clicks.items()
    }
    file = photos.parent / 'clicks.json'
    file.write_text(json.dumps(entries))
    dataset = dict(
        type='ClickDataset',
        data_prefix=dict(img_path=str(photos)),
        img_suffix=('.png', '.jpg', '.JPG'),
        click_file=str(file),
        metainfo=dict(classes=CLASSES, background=None),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            dict(type='RasterizeClicks'),
            dict(type='PackWeakSegInputs'),
        ],
        **options,
    )
    return Config(dict(train_dataloader=dict(dataset=dataset)))


def labels_in(folder, images):
    return [read_mask((Path(folder) / i).with_suffix('.png')) for i in images]
