# Clicks of msrc21, simulated from the masks.
_base_ = 'msrc21.py'
train_dataloader = dict(
    dataset=dict(
        type='ClickDataset',
        data_root={{_base_.data_root}},
        ann_file='ImageSets/Segmentation/train.txt',
        img_suffix='.jpg',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        metainfo={{_base_.metainfo}},
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            dict(
                type='RandomResize',
                scale={{_base_.scale}},
                ratio_range=(0.5, 1.5),
                keep_ratio=True,
            ),
            dict(type='ClickRandomCrop', crop_size={{_base_.crop_size}}),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RasterizeClicks'),
            dict(type='PackWeakSegInputs'),
        ],
    ),
)
