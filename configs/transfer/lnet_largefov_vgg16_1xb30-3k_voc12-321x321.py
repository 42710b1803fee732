# Label transfer network. The paper trains 30 epochs, which are 3,000 iterations for 3,000
# strong images; all splits and folds train as long here.
_base_ = [
    '../_base_/models/largefov_vgg16.py',
    '../_base_/datasets/voc12_strong_weak.py',
    '../_base_/schedules/schedule_transfer_voc_6k.py',
    '../_base_/default_runtime.py',
]
max_iters = 3000
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
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
