# Full supervision of all classes, scored by group: what ratios refer to.
_base_ = '../seminar/full_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
val_evaluator = dict(
    _delete_=True,
    type='StrongWeakIoUMetric',
    iou_metrics=['mIoU'],
    strong_classes=['dog', 'horse', 'person'],
    weak_classes=['cat', 'cow', 'sheep'],
)
test_evaluator = val_evaluator
