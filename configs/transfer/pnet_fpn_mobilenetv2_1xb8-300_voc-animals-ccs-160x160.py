# The other direction.
_base_ = 'pnet_fpn_mobilenetv2_1xb8-300_voc-animals-dhp-160x160.py'
strong_classes = ['cat', 'cow', 'sheep']
weak_classes = ['dog', 'horse', 'person']
train_dataloader = dict(
    dataset=dict(strong_classes=strong_classes, weak_classes=weak_classes)
)
val_evaluator = dict(strong_classes=strong_classes, weak_classes=weak_classes)
test_evaluator = val_evaluator
