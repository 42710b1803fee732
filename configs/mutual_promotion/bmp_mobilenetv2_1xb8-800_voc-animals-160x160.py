# BMP on MobileNetV2 for a CPU: no attention, so no affinity branch; the published schedule
# scaled to 800 iterations, tags alone for 140 and propagation from 280 on.
_base_ = [
    '../_base_/models/deeplabv3plus_mobilenetv2.py',
    '../_base_/datasets/voc_animals_tags.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
max_iters = 800
model = dict(
    type='MutualPromotionSegmentor',
    decode_head=dict(
        _delete_=True,
        type='LeanSegformerHead',
        in_channels=[24, 32, 96, 320],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    cam_head=dict(type='CAMHead', in_channels=320, num_classes=7, pooling='max_features'),
    schedule=dict(segmentation_start=140, propagation_start=280),
    test_cfg=dict(cam_background_score=0.3),
)
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = max_iters
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
tta_model = dict(type='MaxScaleTTAModel')
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1].transforms[0] = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True) for ratio in (1.0, 0.75, 1.25)
]
val_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='CAMIoUMetric', iou_metrics=['mIoU']),
    dict(type='TagMetric'),
]
test_evaluator = val_evaluator
