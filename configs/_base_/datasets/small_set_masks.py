# Full masks of nuclei, or of another set with SET=msrc21 or SET=weeds before the command:
# the upper bound the weak methods are compared with.
_base_ = '{{$SET:nuclei}}.py'
train_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        data_root=_base_.data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        metainfo=_base_.metainfo,
        pipeline=_base_.mask_pipeline,
    ),
)
