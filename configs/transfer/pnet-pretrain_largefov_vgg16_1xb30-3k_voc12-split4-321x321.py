# Phase i on the COCO images alone.
_base_ = 'pnet_largefov_vgg16_1xb30-10k_voc12-split4-321x321.py'
max_iters = 3000
param_scheduler = []
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
model = dict(phase='pretrain')
train_dataloader = dict(
    dataset=dict(_delete_=True, type='RepeatDataset', times=1, dataset={{_base_.coco}})
)
