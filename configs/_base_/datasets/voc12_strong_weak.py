# PASCAL VOC 2012 train_aug with masks of the strong classes of a published split and, of
# the others, tags from the box annotations. Choose with split='voc-1' ... 'pascal-5i-3'.
_base_ = ['voc12.py', 'tta_6_scales.py']
split = '{{$SPLIT:voc-1}}'
crop_size = (321, 321)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='ListMaskClasses'),
    dict(type='PackWeakSegInputs'),
]

train_dataloader = dict(
    batch_size=30,
    dataset=dict(
        type='StrongWeakDataset',
        dataset=dict(
            type='PascalVOCDataset',
            data_root={{_base_.data_root}},
            ann_file='ImageSets/Segmentation/train_aug.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        ),
        tags=dict(
            type='PascalVOCTagDataset',
            data_root={{_base_.data_root}},
            ann_file='ImageSets/Segmentation/train_aug.txt',
            data_prefix=dict(img_path='JPEGImages'),
        ),
        split=split,
        pipeline=train_pipeline,
    ),
)
val_evaluator = dict(
    _delete_=True, type='StrongWeakIoUMetric', iou_metrics=['mIoU'], split=split
)
test_evaluator = val_evaluator
