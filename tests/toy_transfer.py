"""The toy set with strong squares and weak discs, and a short adversarial run on it."""

import copy
import json
import shutil

import numpy as np
from PIL import Image
from toy import CLASSES, toy_config, toy_model

LABELS = 'labels'
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='ListMaskClasses', min_pixels=8),
    dict(type='PackWeakSegInputs'),
]


def write_strong_weak(toy_root, root):
    """Copy the toy set; images 0 to 5 show squares only, 6 to 11 have noisy labels."""
    shutil.copytree(toy_root, root, dirs_exist_ok=True)
    (root / LABELS).mkdir()
    manifest = dict(classes=CLASSES, settings={})
    (root / LABELS / 'manifest.json').write_text(json.dumps(manifest))
    tags = {}
    for i in range(12):
        name = f'toy_{i:02d}'
        path = root / 'masks' / f'{name}.png'
        mask = np.array(Image.open(path))
        if i <= 5:
            mask[mask == 2] = 0
            Image.fromarray(mask).save(path)
        else:
            shifted = Image.fromarray(np.roll(mask, 3, axis=1))
            shifted.save(root / LABELS / f'{name}.png')
        tags[name] = ['square'] if i <= 5 else ['square', 'disc']
    (root / 'tags.json').write_text(json.dumps(tags))
    return root


def strong_weak_dataset(root, **changes):
    """Config of the data set with the labels of the weak images."""
    return dict(
        type='StrongWeakDataset',
        dataset=dict(
            type='BaseSegDataset',
            data_root=str(root),
            ann_file='train.txt',
            img_suffix='.png',
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            metainfo=dict(classes=CLASSES),
        ),
        tags=str(root / 'tags.json'),
        strong_classes=['square'],
        weak_classes=['disc'],
        pipeline=copy.deepcopy(PIPELINE),
        **{'pseudo_label_dir': str(root / LABELS), **changes},
    )


def transfer_model(**changes):
    """The toy network with a small prediction transfer network."""
    model = toy_model()
    model['data_preprocessor']['size'] = (64, 64)
    model['decode_head']['dropout_ratio'] = 0.2
    model.update(
        type='PredictionTransferSegmentor',
        prediction_network=dict(
            type='PredictionNetwork', channels=(4, 8, 8), hidden=(8, 8), grid=2
        ),
        stride=2,
    )
    model.update(changes)
    return model


def transfer_config(root, work_dir, max_iters=4, model=(), data=()):
    """Config of a short run."""
    config = toy_config(root, work_dir, transfer_model(**dict(model)), max_iters)
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.train_dataloader.dataset = strong_weak_dataset(root, **dict(data))
    optimizer = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
    config.optim_wrapper = dict(
        _delete_=True,
        constructor='PredictionTransferOptimWrapperConstructor',
        segmentor=copy.deepcopy(optimizer),
        prediction_network=copy.deepcopy(optimizer),
    )
    config.optim_wrapper.pop('_delete_')
    config.custom_hooks = [
        dict(type='ClassCheckHook'),
        dict(type='IterationSeedHook'),
        dict(type='PredictionNetworkHook'),
    ]
    return config
