"""A tiny set of photographs-by-noise with clicks and masks, and configs to train on it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

import mmseg_weak  # noqa: F401

# Two test processes on two cores: more threads only get in each other's way.
os.environ.setdefault('OMP_NUM_THREADS', '1')

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES = ('background', 'square', 'disc')
COLOURS = ((90, 90, 90), (200, 60, 40), (40, 80, 210))


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Components are looked up in mmseg's registries."""
    init_default_scope('mmseg')


def draw_sample(rng, size=64):
    """One image, its mask and clicks: a square and a disc on grey."""
    mask = np.zeros((size, size), np.uint8)
    y, x = np.mgrid[:size, :size]
    sy, sx, dy, dx = rng.integers(8, size - 16, 4)
    mask[sy : sy + 14, sx : sx + 14] = 1
    mask[(y - dy) ** 2 + (x - dx) ** 2 < 64] = 2
    image = np.array(COLOURS)[mask] + rng.normal(0, 12, (size, size, 3))
    clicks = []
    for label in range(3):
        rows, columns = np.nonzero(mask == label)
        if len(rows):
            i = rng.integers(len(rows))
            clicks.append(dict(x=int(columns[i]), y=int(rows[i]), cls=label, rank=1))
    return image.clip(0, 255).astype(np.uint8), mask, clicks


@pytest.fixture(scope='session')
def toy_root(tmp_path_factory):
    """Folder with 16 images, masks, a split list and a click file."""
    root = tmp_path_factory.mktemp('toy')
    rng = np.random.default_rng(0)
    (root / 'images').mkdir()
    (root / 'masks').mkdir()
    clicks = {}
    for i in range(16):
        image, mask, clicks[f'toy_{i:02d}'] = draw_sample(rng)
        Image.fromarray(image).save(root / 'images' / f'toy_{i:02d}.png')
        Image.fromarray(mask).save(root / 'masks' / f'toy_{i:02d}.png')
    (root / 'clicks.json').write_text(json.dumps(clicks))
    (root / 'train.txt').write_text('\n'.join(sorted(clicks)[:12]))
    (root / 'val.txt').write_text('\n'.join(sorted(clicks)[12:]))
    return root


def toy_model(**seminar):
    """A three-layer FCN in mmseg's clothes; with a consistency term a SeminarSegmentor."""
    return dict(
        type='SeminarSegmentor',
        data_preprocessor=dict(
            type='WeakSegDataPreProcessor',
            mean=[127.5] * 3,
            std=[60.0] * 3,
            bgr_to_rgb=True,
            size=(48, 48),
            seg_pad_val=255,
        ),
        backbone=dict(
            type='ResNet',
            depth=18,
            base_channels=8,
            num_stages=2,
            out_indices=(0, 1),
            strides=(1, 1),
            dilations=(1, 1),
            norm_cfg=dict(type='BN'),
        ),
        decode_head=dict(
            type='FCNHead',
            in_channels=16,
            in_index=1,
            channels=8,
            num_convs=1,
            dropout_ratio=0,
            num_classes=3,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='PartialCrossEntropyLoss'),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
        **seminar,
    )


def toy_config(root, work_dir, model, max_iters=4, **changes):
    """Config of a short run on the toy set."""
    root, metainfo = str(root), dict(classes=CLASSES)
    train_pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadClicks'),
        dict(type='ClickRandomCrop', crop_size=(48, 48)),
        dict(type='RandomFlip', prob=0.5),
        dict(type='RasterizeClicks', radius=1),
        dict(type='PackWeakSegInputs'),
    ]
    test_pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='PackSegInputs'),
    ]
    images = dict(img_path='images')
    config = dict(
        default_scope='mmseg',
        model=model,
        work_dir=str(work_dir),
        randomness=dict(seed=0),
        train_dataloader=dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='InfiniteSampler', shuffle=True),
            dataset=dict(
                type='ClickDataset',
                data_root=root,
                ann_file='train.txt',
                img_suffix='.png',
                data_prefix=images,
                click_file='clicks.json',
                metainfo=metainfo,
                pipeline=train_pipeline,
            ),
        ),
        val_dataloader=dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='BaseSegDataset',
                data_root=root,
                ann_file='val.txt',
                img_suffix='.png',
                data_prefix=dict(images, seg_map_path='masks'),
                metainfo=metainfo,
                pipeline=test_pipeline,
            ),
        ),
        val_evaluator=dict(type='IoUMetric'),
        val_cfg=dict(type='ValLoop'),
        train_cfg=dict(
            type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters
        ),
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05, momentum=0.9)
        ),
        param_scheduler=[dict(type='PolyLR', power=0.9, begin=0, end=8, by_epoch=False)],
        custom_hooks=[
            dict(type='ClassCheckHook'),
            dict(type='IterationSeedHook'),
            dict(type='EMATeacherHook', momentum=0.1),
        ],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1),
            logger=dict(type='LoggerHook', interval=1),
        ),
        log_processor=dict(by_epoch=False),
        log_level='WARNING',
        experiment_name=f'toy_{Path(work_dir).name}_{os.getpid()}',
    )
    config = Config(config)
    config.merge_from_dict(changes)
    return config
