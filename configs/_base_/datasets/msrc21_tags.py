# For training only which classes were clicked in an image. A classifier's maps compete with
# a background; this set has none, so the class "nothing" stands for it. No mask has it:
# where it is predicted it counts as IoU 0 in mIoU, so take the mean of the others.
_base_ = 'msrc21.py'
metainfo = dict(classes=(*_base_.metainfo.classes, 'nothing'), background='nothing')
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    # The crop shows half to all of the image: its tags must still be true.
    dict(type='RandomResize', scale=(320, 320), ratio_range=(0.5, 0.95), keep_ratio=True),
    dict(type='RandomCrop', crop_size=_base_.crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackWeakSegInputs'),
]
train_dataloader = dict(
    dataset=dict(
        type='ImageTagDataset',
        data_root=_base_.data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        metainfo=metainfo,
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = [dict(type='IoUMetric', iou_metrics=['mIoU']), dict(type='TagMetric')]
test_evaluator = val_evaluator
