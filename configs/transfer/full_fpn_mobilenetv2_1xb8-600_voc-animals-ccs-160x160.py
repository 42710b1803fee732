# The other direction.
_base_ = 'full_fpn_mobilenetv2_1xb8-600_voc-animals-dhp-160x160.py'
strong_classes = ['cat', 'cow', 'sheep']
weak_classes = ['dog', 'horse', 'person']
val_evaluator = dict(strong_classes=strong_classes, weak_classes=weak_classes)
test_evaluator = val_evaluator
