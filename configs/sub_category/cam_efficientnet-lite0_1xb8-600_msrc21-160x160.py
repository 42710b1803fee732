# A classifier of tags on MSRC's 21 classes.
_base_ = [
    '../_base_/models/cam_efficientnet-lite0.py',
    '../_base_/datasets/msrc21_tags.py',
    '../_base_/schedules/budget_quick.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(num_classes=22, background=21), test_cfg=dict(background_score=0.01)
)
