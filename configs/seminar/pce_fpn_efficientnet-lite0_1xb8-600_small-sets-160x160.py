# Clicks of nuclei alone on the default network; SET=msrc21 or SET=weeds before the command
# takes another set. Give each a --work-dir.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/small_set_clicks.py',
    '../_base_/schedules/budget_quick.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='SeminarSegmentor',
    decode_head=dict(
        num_classes=len(_base_.metainfo.classes),
        loss_decode=dict(_delete_=True, type='PartialCrossEntropyLoss'),
    ),
)
