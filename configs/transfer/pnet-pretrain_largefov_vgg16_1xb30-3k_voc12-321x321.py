# Phase i: P-Net alone on strong images. The paper trains 30 epochs, which
# are 3,000 iterations for 3,000 strong images; all splits and folds train as long here.
_base_ = 'pnet_largefov_vgg16_1xb30-10k_voc12-321x321.py'
max_iters = 3000
param_scheduler = []
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
model = dict(phase='pretrain')
train_dataloader = dict(dataset=dict(images='strong', pseudo_label_dir=None))
