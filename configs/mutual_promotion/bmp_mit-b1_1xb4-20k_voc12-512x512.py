_base_ = [
    '../_base_/models/mutual_promotion_mit-b1.py',
    '../_base_/datasets/voc12_tags.py',
    '../_base_/datasets/tta_4_scales.py',
    '../_base_/schedules/schedule_mutual_20k.py',
    '../_base_/default_runtime.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    # Half to twice the size of the image; the longer side of most is 500 pixels.
    dict(type='RandomResize', scale=(500, 500), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(512, 512)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackWeakSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# As published: mean over flips, maximum over scales. With dense CRF:
# --cfg-options tta_model.crf=True
tta_model = dict(type='MaxScaleTTAModel')
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1].transforms[0] = [
    dict(type='Resize', scale=(side, side), keep_ratio=True) for side in (512, 256, 384)
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='CAMIoUMetric', iou_metrics=['mIoU']),
    dict(type='TagMetric'),
]
test_evaluator = val_evaluator
custom_hooks = [*_base_.custom_hooks, dict(type='BranchVisualizationHook', interval=1000)]
