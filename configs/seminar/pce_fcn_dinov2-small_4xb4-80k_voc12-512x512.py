# Clicks alone on a frozen DINOv2: docs/foundation.md.
_base_ = [
    '../_base_/models/fcn_dinov2-small.py',
    '../_base_/datasets/voc12_clicks.py',
    '../_base_/schedules/schedule_voc_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='SeminarSegmentor',
    data_preprocessor=dict(size=(512, 512)),
    decode_head=dict(loss_decode=dict(_delete_=True, type='PartialCrossEntropyLoss')),
)
