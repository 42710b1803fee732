# The six animal classes of PASCAL VOC 2012 at 300 pixels: masks of dog, horse and person,
# tags (the classes clicked) of cat, cow and sheep. Labels of weak images come with
# train_dataloader.dataset.pseudo_label_dir.
_base_ = ['tta_4_scales.py']
data_root = 'data/voc_animals'
metainfo = dict(classes=('background', 'cat', 'cow', 'dog', 'horse', 'person', 'sheep'))
strong_classes = ['dog', 'horse', 'person']
weak_classes = ['cat', 'cow', 'sheep']
crop_size = (160, 160)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResize', scale=(300, 300), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='ListMaskClasses'),
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
        type='StrongWeakDataset',
        dataset=dict(
            type='PascalVOCDataset',
            data_root=data_root,
            ann_file='ImageSets/Segmentation/train.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            metainfo=metainfo,
        ),
        tags=dict(
            type='PascalVOCTagDataset',
            data_root=data_root,
            ann_file='ImageSets/Segmentation/train.txt',
            data_prefix=dict(img_path='JPEGImages'),
            click_file='points/main.json',
            metainfo=metainfo,
        ),
        strong_classes=strong_classes,
        weak_classes=weak_classes,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/dev.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        metainfo=metainfo,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='StrongWeakIoUMetric',
    iou_metrics=['mIoU'],
    strong_classes=strong_classes,
    weak_classes=weak_classes,
)
test_evaluator = val_evaluator
