# PASCAL VOC 2012 train_aug with the clicks of "What's the Point" and background clicks from
# scribbles; prepared by tools/dataset_converters/voc_clicks.py. Masks are read in testing.
_base_ = ['voc12.py', 'tta_6_scales.py']
crop_size = (512, 512)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadClicks'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='ClickRandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RasterizeClicks'),
    dict(type='PackWeakSegInputs'),
]

train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        type='PascalVOCClickDataset',
        data_root={{_base_.data_root}},
        ann_file='ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        background_click_file='points/bg_from_scribbles.json',
        pipeline=train_pipeline,
    ),
)
