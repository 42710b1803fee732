# Tested at the real clicks of dev instead of their masks.
_base_ = 'pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
test_dataloader = dict(
    dataset=dict(
        _base_.train_dataloader.dataset,
        _delete_=True,
        ann_file='ImageSets/Segmentation/dev.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadClicks'),
            dict(type='PackWeakSegInputs'),
        ],
    ),
)
test_evaluator = dict(_delete_=True, type='ClickIoUMetric')
