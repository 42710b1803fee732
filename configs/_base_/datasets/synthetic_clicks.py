# Textured objects drawn by tools/dataset_converters/make_synthetic.py; no download.
_base_ = 'dev_masks.py'
data_root = 'work_dirs/data/synthetic'
metainfo = dict(
    classes=('background', 'disc', 'ring', 'star', 'cross', 'crescent'),
    palette=[
        *((0, 0, 0), (214, 39, 40), (255, 187, 40)),
        *((44, 160, 44), (31, 119, 180), (170, 90, 200)),
    ],
)
train_pipeline = _base_.click_pipeline
train_pipeline[2].update(scale=(128, 128), ratio_range=(0.75, 1.5))
train_pipeline[3].update(crop_size=(96, 96))
train_dataloader = dict(
    dataset=dict(
        type='ClickDataset',
        data_root=data_root,
        ann_file='ImageSets/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/clicks.json',
        background_click_file='points/background.json',
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='ImageSets/val.txt', metainfo=metainfo)
)
test_dataloader = val_dataloader
