# Small sets with the folders of VOC: 8 images a batch in training, scored on the masks of
# dev. A file of the data set says where it is, one of its labels what is trained on.
_base_ = 'tta_4_scales.py'
crop_size = (160, 160)

click_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(320, 320), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]
mask_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(320, 320), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
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
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        ann_file='ImageSets/Segmentation/dev.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
