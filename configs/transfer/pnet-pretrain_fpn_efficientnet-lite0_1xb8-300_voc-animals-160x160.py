# Phase i: P-Net alone, on strong images and the predictions of a frozen segmenter.
_base_ = 'pnet_fpn_efficientnet-lite0_1xb8-300_voc-animals-160x160.py'
model = dict(phase='pretrain')
train_dataloader = dict(dataset=dict(images='strong', pseudo_label_dir=None))
param_scheduler = []
