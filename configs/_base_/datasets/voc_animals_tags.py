# For training only which classes were clicked in an image.
_base_ = 'voc_animals.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    # The crop shows half to all of the image: its tags must still be true.
    dict(type='RandomResize', scale=(300, 300), ratio_range=(0.55, 1.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size={{_base_.crop_size}}),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackWeakSegInputs'),
]
train_dataloader = dict(
    dataset=dict(
        type='PascalVOCTagDataset',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        pipeline=train_pipeline,
        **_base_.images,
    )
)
val_evaluator = [dict(type='IoUMetric', iou_metrics=['mIoU']), dict(type='TagMetric')]
test_evaluator = val_evaluator
