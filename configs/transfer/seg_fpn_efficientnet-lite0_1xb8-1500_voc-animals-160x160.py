# Strong masks and the labels of weak images: the paper's L-Net row.
_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',
    '../_base_/datasets/voc_animals_strong_weak.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=dict(pseudo_label_dir='work_dirs/transfer/labels'))
