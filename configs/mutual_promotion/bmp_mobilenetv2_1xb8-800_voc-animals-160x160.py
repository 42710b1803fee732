# BMP on MobileNetV2 for a CPU.
_base_ = [
    '../_base_/models/mutual_promotion_mobilenetv2.py',
    '../_base_/datasets/voc_animals_tags.py',
    '../_base_/schedules/schedule_cpu_800.py',
    '../_base_/default_runtime.py',
]
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
