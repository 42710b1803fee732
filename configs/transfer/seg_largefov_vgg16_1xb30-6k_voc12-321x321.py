# Strong masks and the labels of weak images: the paper's L-Net row.
_base_ = [
    '../_base_/models/largefov_vgg16.py',
    '../_base_/datasets/voc12_strong_weak.py',
    '../_base_/schedules/schedule_transfer_voc_6k.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=dict(pseudo_label_dir='work_dirs/transfer/labels'))
