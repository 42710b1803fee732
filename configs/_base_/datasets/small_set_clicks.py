# Clicks of nuclei, simulated from the masks; of another set with SET=msrc21 or SET=weeds
# before the command.
_base_ = '{{$SET:nuclei}}.py'
train_dataloader = dict(
    dataset=dict(
        type='ClickDataset',
        data_root=_base_.data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        metainfo=_base_.metainfo,
        pipeline=_base_.click_pipeline,
    ),
)
