"""A small model and a short run, shared by the tests."""

import os
from pathlib import Path

from mmengine.config import Config

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES = ('background', 'square', 'disc')


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


def resumable_config(root, work_dir, max_iters, **model):
    """Config whose resumed run can be compared bit by bit, dropout included."""
    model = toy_model(**model)
    model['decode_head']['dropout_ratio'] = 0.2
    config = toy_config(root, work_dir, model, max_iters)
    config.param_scheduler[0]['end'] = max_iters
    return config


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
