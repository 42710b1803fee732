# Full supervision of the same images: the upper bound the weak methods are compared with.
_base_ = 'voc_animals.py'
train_pipeline = _base_.mask_pipeline
train_dataloader = dict(
    dataset=dict(
        type='PascalVOCDataset',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=train_pipeline,
        **_base_.images,
    )
)
