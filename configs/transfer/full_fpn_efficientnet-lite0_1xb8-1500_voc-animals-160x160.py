# Full supervision of all classes, scored by group: what ratios refer to.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/voc_animals_strong_weak.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
masks = _base_.train_dataloader.dataset.dataset  # without what hides the weak classes
train_dataloader = dict(dataset=dict(_delete_=True, **masks, pipeline=_base_.mask_pipeline))
