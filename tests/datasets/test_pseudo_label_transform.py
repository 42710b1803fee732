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


@pytest.mark.parametrize('kind', ['ClickDataset', 'ImageTagDataset', 'StrongWeakDataset'])
def test_one_argument_of_every_data_set(toy_root, labels, kind):
    """The same folder, the same check, the same labels as with the step in the pipeline."""
    settings = settings_of(kind, toy_root)
    settings['pseudo_label_dir'] = str(labels)
    with pytest.raises(ValueError, match='images have no pseudo-label'):
        DATASETS.build(settings)
    values = np.random.default_rng(0).integers(0, 3, (12, 64, 64), dtype=np.uint8)
    for i, value in enumerate(values):
        save(labels / f'toy_{i:02d}.png', value)
    sample = DATASETS.build(settings)[0]
    key = 'gt_sem_seg' if kind == 'StrongWeakDataset' else 'pseudo_sem_seg'
    label = getattr(sample['data_samples'], key)
    assert np.array_equal(label.data[0].numpy(), values[0])
    (labels / 'manifest.json').write_text('{"classes": ["a"]}')
    with pytest.raises(ValueError, match='labels for the classes a, the data set has'):
        DATASETS.build(settings)
    (labels / 'manifest.json').unlink()
    with pytest.raises(FileNotFoundError, match='a folder of masks is refused'):
        DATASETS.build(settings)


def settings_of(kind, root):
    settings = toy_config(root, 'unused', {}).train_dataloader.dataset.to_dict()
    pack = dict(type='PackWeakSegInputs')
    load = dict(type='LoadImageFromFile')
    if kind == 'ClickDataset':
        paint = [dict(type='LoadClicks'), dict(type='RasterizeClicks')]
        return dict(settings, pipeline=[load, *paint, pack])
    tags = {f'toy_{i:02d}': ['square'] for i in range(12)}
    (root / 'square.json').write_text(json.dumps(tags))
    if kind == 'ImageTagDataset':
        del settings['click_file']
        tags = dict(type=kind, tag_file='square.json')
        return dict(settings, **tags, pipeline=[load, dict(type='LoadImageTags'), pack])
    inner = {k: settings[k] for k in ('data_root', 'ann_file', 'img_suffix', 'metainfo')}
    prefix = dict(img_path='images', seg_map_path='masks')
    return dict(
        type=kind,
        dataset=dict(inner, type='BaseSegDataset', data_prefix=prefix),
        tags=str(root / 'square.json'),
        strong_classes=['disc'],
        weak_classes=['square'],
        images='weak',
        pipeline=[load, pack],
    )


def test_step_and_argument_must_agree(toy_root, labels):
    settings = settings_of('ClickDataset', toy_root)
    step = dict(type='LoadPseudoLabels', pseudo_label_dir=str(labels))
    settings['pipeline'].insert(1, step)
    for i in range(12):
        save(labels / f'toy_{i:02d}.png', np.zeros((64, 64), np.uint8))
    same = DATASETS.build(dict(settings, pseudo_label_dir=str(labels)))
    kinds = [type(t).__name__ for t in same.pipeline.transforms]
    assert kinds.count('LoadPseudoLabels') == 1
    with pytest.raises(ValueError, match="pseudo_label_dir='other', and the pipeline"):
        DATASETS.build(dict(settings, pseudo_label_dir='other'))
