"""A small copy of a real set, to put flaws into."""

import json
import shutil

import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image
from toy import REPOSITORY

from mmseg_weak.datasets.image_open import large_images

SETS, IMAGES = ('msrc21', 'nuclei', 'weeds', 'voc_animals'), 8
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
TAGS = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    dict(type='PackWeakSegInputs'),
]


class Part:
    """Copy of some images of a set, with what belongs to them."""

    def __init__(self, name, folder):
        source = REPOSITORY / 'data' / name
        if not source.is_dir():
            pytest.skip(f'needs data/{name}, see docs/data.md')
        kind = 'voc_animals' if name == 'voc_animals' else 'small_set'
        path = REPOSITORY / f'configs/_base_/datasets/{kind}_clicks.py'
        settings = Config.fromfile(path).train_dataloader.dataset
        while 'dataset' in settings:
            settings = settings.dataset
        self.root, self.metainfo = folder, settings.get('metainfo')
        self.type = settings.type
        known = json.loads((source / 'points/main.json').read_text())
        listed = (source / settings.ann_file).read_text().split()
        names = [n for n in listed if len(known.get(n, ())) > 2][:IMAGES]
        assert len(names) == IMAGES
        for below, suffix in (('JPEGImages', '.jpg'), ('SegmentationClass', '.png')):
            (folder / below).mkdir()
            for image in names:
                file = source / below / f'{image}{suffix}'
                if file.is_file():
                    shutil.copy(file, folder / below)
        self.names, self.changes = names, {}
        self.clicks = {n: known[n] for n in names}
        self.write()
        (folder / 'train.txt').write_text('\n'.join(names) + '\n')

    def write(self):
        (self.root / 'clicks.json').write_text(json.dumps(self.clicks))

    def image(self, i=0):
        return self.root / f'JPEGImages/{self.names[i]}.jpg'

    def sizes(self):
        with large_images():
            return {n: Image.open(self.image(i)).size for i, n in enumerate(self.names)}

    def move(self, change):
        """Change every position; (x, y, width, height) to (x, y)."""
        sizes = self.sizes()
        for name, entries in self.clicks.items():
            for entry in entries:
                entry['x'], entry['y'] = change(entry['x'], entry['y'], *sizes[name])
        self.write()

    def build(self, **changes):
        settings = dict(
            type=self.type,
            data_root=str(self.root),
            data_prefix=dict(img_path='JPEGImages'),
            ann_file='train.txt',
            img_suffix='.jpg',
            click_file='clicks.json',
            metainfo=self.metainfo,
            pipeline=PIPELINE,
        )
        settings |= self.changes | changes
        if settings['click_file'] is None:
            settings.pop('click_file')
        return DATASETS.build(settings)

    @property
    def classes(self):
        """Of the ids in the files; fewer may be trained."""
        own = DATASETS.get(self.type).METAINFO.get('classes')
        return tuple(own or self.metainfo['classes'])
