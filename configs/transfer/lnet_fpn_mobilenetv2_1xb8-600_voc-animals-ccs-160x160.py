# The other direction.
_base_ = 'lnet_fpn_mobilenetv2_1xb8-600_voc-animals-dhp-160x160.py'
strong_classes = ['cat', 'cow', 'sheep']
weak_classes = ['dog', 'horse', 'person']
train_dataloader = dict(
    dataset=dict(strong_classes=strong_classes, weak_classes=weak_classes)
)
