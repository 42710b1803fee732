"""Any training set is a source of whole images with what is known of each."""

import copy

import numpy as np
import pytest
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image
from toy import CLASSES, toy_config, toy_model
from toy_transfer import strong_weak_dataset, write_strong_weak

from mmseg_weak.labelling.sources import LabelSource

TAGS = ['LoadImageFromFile', 'LoadImageTags', 'RandomFlip', 'PackWeakSegInputs']


@DATASETS.register_module()
class NamedTagDataset(BaseSegDataset):
    """A data set from outside the package whose tags stand in the names of its images."""

    def load_data_list(self):
        images = super().load_data_list()
        return [dict(one, tags=(1 + int(one['img_path'][-5]) % 2,)) for one in images]


@pytest.fixture
def config(toy_root, tmp_path):
    return toy_config(toy_root, tmp_path, toy_model())


def source(config, dataset=None, **changes):
    config = Config(copy.deepcopy(config.to_dict()))
    if dataset is not None:
        config.train_dataloader.dataset = dataset
    config.train_dataloader.dataset.update(changes)
    return LabelSource(config)


def concat(*datasets):
    return dict(type='ConcatDataset', datasets=[dict(one) for one in datasets])


def test_clicks_stay_and_nothing_is_cropped_or_flipped(config, toy_root):
    clicked = source(config)
    assert clicked.images == [f'toy_{i:02d}' for i in range(12)]
    assert clicked.classes == CLASSES and clicked.background == 0
    sample, image = clicked[3]
    plain = np.array(Image.open(toy_root / 'images/toy_03.png'))
    np.testing.assert_allclose(image[0].permute(1, 2, 0) * 255, plain, atol=1e-4)
    labels = sample.gt_sem_seg.data[0].numpy()
    mask = np.array(Image.open(toy_root / 'masks/toy_03.png'))
    assert set(np.unique(labels)) - {255} == set(np.unique(mask))
    assert set(sample.image_classes) == set(np.unique(mask)) - {0}


def test_plain_data_sets_are_images_of_which_nothing_is_known(config, toy_root):
    plain = source(config, config.val_dataloader.dataset)
    assert plain.images == [f'toy_{i:02d}' for i in range(12, 16)]
    assert plain.background == 0 and plain[0].sample.image_classes == ()
    assert 'gt_sem_seg' not in plain[0].sample, 'no mask comes in'
    assert 'seg_map_path' not in plain[0].sample.metainfo
    with pytest.raises(ValueError, match='BaseSegDataset has neither tags nor clicks'):
        plain.require_classes('labels of activation maps')
    # Only to score labels with.
    np.testing.assert_array_equal(
        plain.mask(0, toy_root / 'masks'), Image.open(toy_root / 'masks/toy_12.png')
    )


def test_wrappers_and_several_data_sets_are_one_source(config):
    one = config.train_dataloader.dataset
    other = config.val_dataloader.dataset
    repeated = dict(type='RepeatDataset', times=3, dataset=concat(one, other))
    both = source(config, repeated)
    assert both.images == [f'toy_{i:02d}' for i in range(16)]
    assert 'gt_sem_seg' in both[0].sample and 'gt_sem_seg' not in both[15].sample
    assert both[15].sample.img_id == 'toy_15'


def test_parts_may_differ_in_suffix_and_folder(config, toy_root, tmp_path):
    (tmp_path / 'photos/sub').mkdir(parents=True)
    for name in ('a.JPG', 'sub/b.JPG'):
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / 'photos' / name)
    photos = dict(config.val_dataloader.dataset, data_root=str(tmp_path), img_suffix='.JPG')
    photos.update(ann_file='', data_prefix=dict(img_path='photos'))
    both = source(config, concat(config.train_dataloader.dataset, photos))
    assert both.images[10:] == ['toy_10', 'toy_11', 'a', 'sub/b']
    assert both[13].image.shape == (1, 3, 8, 9)


def test_a_label_is_named_by_one_image_and_has_one_list_of_classes(config):
    one = config.train_dataloader.dataset
    with pytest.raises(ValueError, match="2 images 'toy_00' in 2 data sets"):
        source(config, concat(one, one))
    other = dict(config.val_dataloader.dataset, metainfo=dict(classes=CLASSES[:2]))
    with pytest.raises(ValueError, match=r'background, square, disc and background, squ'):
        source(config, concat(one, other))
    with pytest.raises(ValueError, match='BaseSegDataset of train_dataloader names no cl'):
        source(config, config.val_dataloader.dataset, metainfo=None)
    steps = [step for step in one.pipeline if step['type'] != 'RasterizeClicks']
    with pytest.raises(ValueError, match='train_dataloader has no RasterizeClicks'):
        source(config, pipeline=steps)


def test_weak_images_of_strong_and_weak_classes(config, toy_root, tmp_path):
    write_strong_weak(toy_root, tmp_path / 'sw')
    weak = source(config, strong_weak_dataset(tmp_path / 'sw', class_agnostic=True))
    assert weak.images == [f'toy_{i:02d}' for i in range(6, 12)]
    assert weak[0].sample.image_classes == (1, 2) and weak.tags(0) == (1, 2)
    assert weak.classes == CLASSES and 'gt_sem_seg' not in weak[0].sample


def test_a_data_set_from_outside_is_a_source(config):
    pipeline = [dict(type=name) for name in TAGS]
    own = dict(config.val_dataloader.dataset, type='NamedTagDataset', pipeline=pipeline)
    tagged = source(config, own)
    tagged.require_classes('labels of activation maps')
    assert [tagged[i].sample.image_classes for i in range(3)] == [(1,), (2,), (1,)]


def test_the_digest_follows_images_and_weak_labels_alone(config):
    first = source(config).digest()
    assert source(config).digest() == first
    assert (
        source(
            config,
            pipeline=config.train_dataloader.dataset.pipeline[:2]
            + [dict(type='RasterizeClicks', radius=1), dict(type='PackWeakSegInputs')],
        ).digest()
        == first
    ), 'augmentation is no part of a label'
    for change in (
        dict(max_rank=1, clicks_per_class=1, click_fraction=0.5),
        dict(indices=5),
    ):
        assert source(config, **change).digest() != first
