# The six animal classes of PASCAL VOC 2012 at 300 pixels: masks of dog, horse and person,
# tags (the classes clicked) of cat, cow and sheep; with SPLIT=ccs before the command the
# reverse. Labels of weak images come with train_dataloader.dataset.pseudo_label_dir.
_base_ = 'voc_animals.py'
groups = dict(dhp=['dog', 'horse', 'person'], ccs=['cat', 'cow', 'sheep'])
strong_classes = groups.pop('{{$SPLIT:dhp}}')
(weak_classes,) = groups.values()

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResize', scale=(300, 300), ratio_range=(0.5, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size={{_base_.crop_size}}),
    dict(type='RandomFlip', prob=0.5),
    dict(type='ListMaskClasses'),
    dict(type='PackWeakSegInputs'),
]

train_dataloader = dict(
    dataset=dict(
        type='StrongWeakDataset',
        dataset=dict(
            type='PascalVOCDataset',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            **_base_.images,
        ),
        tags=dict(
            type='PascalVOCTagDataset',
            data_prefix=dict(img_path='JPEGImages'),
            click_file='points/main.json',
            **_base_.images,
        ),
        strong_classes=strong_classes,
        weak_classes=weak_classes,
        pipeline=train_pipeline,
    ),
)
val_evaluator = dict(
    _delete_=True,
    type='StrongWeakIoUMetric',
    iou_metrics=['mIoU'],
    strong_classes=strong_classes,
    weak_classes=weak_classes,
)
test_evaluator = val_evaluator
