# The six animal classes of PASCAL VOC 2012 at 300 pixels, clicks for training and masks
# for validation only. Made by tools/dataset_converters/voc_clicks.py.
_base_ = 'voc_animals.py'

train_pipeline = _base_.click_pipeline

train_dataloader = dict(
    dataset=dict(
        type='PascalVOCClickDataset',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        background_click_file='points/bg_from_scribbles.json',
        pipeline=train_pipeline,
        **_base_.images,
    ),
)
