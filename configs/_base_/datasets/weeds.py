# Crop and weed in a field (CWFID) at 480 pixels, thin leaves, 30 training images.
# Scored on the masks of dev. A data set of training images comes on top.
_base_ = 'tta_4_scales.py'
data_root = 'data/weeds'
metainfo = dict(classes=('soil', 'crop', 'weed'), background=0)
crop_size = (160, 160)
scale = (480, 480)

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
