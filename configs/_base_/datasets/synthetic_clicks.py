# Textured objects drawn by tools/dataset_converters/make_synthetic.py; no download.
_base_ = ['tta_4_scales.py']
data_root = 'work_dirs/data/synthetic'
metainfo = dict(
    classes=('background', 'disc', 'ring', 'star', 'cross', 'crescent'),
    palette=[
        (0, 0, 0),
        (214, 39, 40),
        (255, 187, 40),
        (44, 160, 44),
        (31, 119, 180),
        (170, 90, 200),
    ],
)
crop_size = (96, 96)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(128, 128), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='ClickDataset',
        data_root=data_root,
        ann_file='ImageSets/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/clicks.json',
        background_click_file='points/background.json',
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        ann_file='ImageSets/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        metainfo=metainfo,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
