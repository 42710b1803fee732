# BMP on MobileNetV2 for a CPU.
_base_ = [
    '../_base_/models/mutual_promotion_mobilenetv2.py',
    '../_base_/datasets/voc_animals_tags.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
tta_model = dict(type='MaxScaleTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=ratio, keep_ratio=True)
                for ratio in (1.0, 0.75, 1.25)
            ],
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
val_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='CAMIoUMetric', iou_metrics=['mIoU']),
    dict(type='TagMetric'),
]
test_evaluator = val_evaluator
max_iters = 800
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
