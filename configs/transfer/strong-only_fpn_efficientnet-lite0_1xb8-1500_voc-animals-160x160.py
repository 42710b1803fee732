# Control: strong masks alone, weak images and their tags unused.
_base_ = 'seg_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
train_dataloader = dict(dataset=dict(images='strong', pseudo_label_dir=None))
