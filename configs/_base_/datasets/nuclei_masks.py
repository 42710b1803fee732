# Full masks of nuclei: the upper bound the weak methods are compared with.
_base_ = 'nuclei.py'
train_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        data_root={{_base_.data_root}},
        ann_file='ImageSets/Segmentation/train.txt',
        img_suffix='.jpg',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        metainfo={{_base_.metainfo}},
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(
                type='RandomResize',
                scale={{_base_.scale}},
                ratio_range=(0.5, 1.5),
                keep_ratio=True,
            ),
            dict(type='RandomCrop', crop_size={{_base_.crop_size}}),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
