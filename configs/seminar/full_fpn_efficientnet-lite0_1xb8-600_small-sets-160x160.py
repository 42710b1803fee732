# Full masks of nuclei on the default network; SET=msrc21 or SET=weeds takes another set.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/small_set_masks.py',
    '../_base_/schedules/budget_quick.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(num_classes=len(_base_.metainfo.classes)))
