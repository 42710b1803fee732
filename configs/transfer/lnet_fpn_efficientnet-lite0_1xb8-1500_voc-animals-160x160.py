# Label transfer network: is a pixel part of any object? Learns from strong masks.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/voc_animals_strong_weak.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(
        num_classes=2,
        out_channels=1,
        threshold=0.5,
        loss_decode=dict(_delete_=True, type='ForegroundBCELoss'),
    )
)
train_dataloader = dict(dataset=dict(images='strong', class_agnostic=True))
val_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        metainfo=dict(classes=('background', 'foreground')),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='BinarizeMasks'),
            dict(type='PackSegInputs'),
        ],
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
