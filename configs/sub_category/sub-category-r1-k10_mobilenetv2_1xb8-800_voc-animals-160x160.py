# One round; the same as the three rounds up to iteration 800.
_base_ = 'sub-category-r3-k10_mobilenetv2_1xb8-1600_voc-animals-160x160.py'
max_iters = 800
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
custom_hooks = _base_.custom_hooks
custom_hooks[-1].rounds = [400]
