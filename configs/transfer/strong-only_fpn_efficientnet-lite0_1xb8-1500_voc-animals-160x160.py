# Control: strong masks alone, weak images and their tags unused.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/voc_animals_strong_weak.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=dict(images='strong'))
