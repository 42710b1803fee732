# Full masks on the default network.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/nuclei_masks.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(num_classes=2))
