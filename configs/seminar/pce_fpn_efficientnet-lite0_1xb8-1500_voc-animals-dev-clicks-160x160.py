# Tested at the real clicks of dev instead of their masks.
_base_ = 'pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='PascalVOCClickDataset',
        data_root={{_base_.data_root}},
        ann_file='ImageSets/Segmentation/dev.txt',
        data_prefix=dict(img_path='JPEGImages'),
        click_file='points/main.json',
        background_click_file='points/bg_from_scribbles.json',
        metainfo={{_base_.metainfo}},
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            dict(type='PackWeakSegInputs'),
        ],
    ),
)
test_evaluator = dict(_delete_=True, type='ClickIoUMetric')
