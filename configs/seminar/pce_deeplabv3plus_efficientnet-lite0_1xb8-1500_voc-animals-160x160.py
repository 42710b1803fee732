# Clicks alone, another head on the default backbone.
_base_ = [
    '../_base_/models/deeplabv3plus_efficientnet-lite0.py',
    '../_base_/datasets/voc_animals_clicks.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='SeminarSegmentor',
    decode_head=dict(loss_decode=dict(_delete_=True, type='PartialCrossEntropyLoss')),
)
