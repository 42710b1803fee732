# The 21 classes of MSRC v2 at 320 pixels: everything is named, there is no background.
# Scored on the masks of dev. A data set of training images comes on top.
_base_ = 'tta_4_scales.py'
data_root = 'data/msrc21'
metainfo = dict(
    classes=(
        'building',
        'grass',
        'tree',
        'cow',
        'sheep',
        'sky',
        'aeroplane',
        'water',
        'face',
        'car',
        'bicycle',
        'flower',
        'sign',
        'bird',
        'book',
        'chair',
        'road',
        'cat',
        'dog',
        'body',
        'boat',
    ),
    background=None,
)
crop_size = (160, 160)
scale = (320, 320)

val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/dev.txt',
        img_suffix='.jpg',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        metainfo=metainfo,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
)
