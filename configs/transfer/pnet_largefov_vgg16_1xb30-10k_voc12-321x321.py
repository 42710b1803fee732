# Phase ii, 30 epochs of all images of VOC. Set load_from to the result of phase i.
_base_ = [
    'seg_largefov_vgg16_1xb30-6k_voc12-321x321.py',
    '../_base_/models/prediction_transfer_10k.py',
]
max_iters = {{_base_.pnet_max_iters}}
param_scheduler = {{_base_.pnet_schedule}}
train_cfg = {{_base_.pnet_train_cfg}}
model = {{_base_.pnet_model}}
optim_wrapper = {{_base_.pnet_optim_wrapper}}
custom_hooks = [*_base_.custom_hooks, dict(type='PredictionNetworkHook')]
