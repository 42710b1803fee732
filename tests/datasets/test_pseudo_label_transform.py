import json

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from PIL import Image
from toy import CLASSES, toy_config, toy_model

from mmseg_weak.datasets.transforms import LoadPseudoLabels


@pytest.fixture
def labels(tmp_path):
    """A folder of pseudo-labels for an image whose red channel is its row and column."""
    folder = tmp_path / 'labels'
    folder.mkdir()
    (folder / 'manifest.json').write_text(json.dumps(dict(classes=CLASSES)))
    return folder


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_map_moves_with_the_image(labels):
    # Image and label are the same picture, so they must stay so.
    values = np.random.default_rng(0).integers(0, 200, (30, 40), dtype=np.uint8)
    save(labels / 'site/a.png', values)
    pipeline = [
        dict(type='LoadPseudoLabels', pseudo_label_dir=str(labels)),
        dict(type='LoadClicks'),
        dict(type='Resize', scale=(80, 60), interpolation='nearest'),
        dict(type='ClickRandomCrop', crop_size=(35, 50)),
        dict(type='RandomFlip', prob=1.0),
        dict(type='RasterizeClicks'),
        dict(type='PackWeakSegInputs'),
    ]
    results = dict(
        img=np.repeat(values[..., None], 3, axis=2),
        img_id='site/a',
        clicks=np.array([[12.0, 9.0]]),
        click_labels=np.array([1]),
        seg_fields=[],
    )
    packed = Compose([TRANSFORMS.build(step) for step in pipeline])(results)
    label = packed['data_samples'].pseudo_sem_seg.data
    assert label.shape == (1, 35, 50) and label.dtype == torch.int64
    assert torch.equal(label[0], packed['inputs'][0].long())


def test_padding_of_the_batch_is_unlabelled(labels):
    preprocessor = MODELS.build(toy_model()['data_preprocessor'])
    results = dict(img=np.zeros((30, 40, 3), np.uint8), seg_fields=[])
    results['gt_seg_map'] = np.zeros((30, 40), np.uint8)
    results['pseudo_seg_map'] = np.ones((30, 40), np.uint8)
    item = TRANSFORMS.build(dict(type='PackWeakSegInputs'))(results)
    batch = preprocessor(pseudo_collate([item, item]), training=True)
    for sample in batch['data_samples']:
        label = sample.pseudo_sem_seg.data
        assert label.shape == (1, 48, 48)
        assert (label[:, :30, :40] == 1).all()
        assert (label == 255).sum() == 48 * 48 - 30 * 40


def transform(folder, shape=(30, 40)):
    results = dict(img=np.zeros((*shape, 3), np.uint8), img_id='a')
    return LoadPseudoLabels(str(folder))(results)


def test_bad_files_are_named(labels):
    with pytest.raises(FileNotFoundError, match=r"a\.png: image 'a' has no pseudo-label"):
        transform(labels)
    save(labels / 'a.png', np.zeros((30, 41), np.uint8))
    with pytest.raises(ValueError, match=r'a\.png: pseudo-label of 41x30.*40x30'):
        transform(labels)
    (labels / 'a.png').write_bytes(b'half')
    with pytest.raises(ValueError, match=r'a\.png: mask is truncated'):
        transform(labels)


def dataset(root, folder):
    settings = toy_config(root, 'unused', {}).train_dataloader.dataset
    step = dict(type='LoadPseudoLabels', pseudo_label_dir=str(folder))
    settings.pipeline.insert(1, step)
    return DATASETS.build(settings)


def test_folders_are_checked_when_the_data_set_is_built(toy_root, labels):
    for i in range(12):
        with pytest.raises(ValueError, match=f'{12 - i} of 12 images have no pseudo-label'):
            dataset(toy_root, labels)
        save(labels / f'toy_{i:02d}.png', np.zeros((64, 64), np.uint8))
    assert 'pseudo_sem_seg' in dataset(toy_root, labels)[0]['data_samples']
    (labels / 'manifest.json').write_text(json.dumps(dict(classes=CLASSES[::-1])))
    with pytest.raises(ValueError, match='labels for the classes disc, square'):
        dataset(toy_root, labels)
    with pytest.raises(FileNotFoundError, match='a folder of masks is refused'):
        dataset(toy_root, toy_root / 'masks')
