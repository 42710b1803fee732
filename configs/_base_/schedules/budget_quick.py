# The smallest budget: 600 iterations, less than five minutes on one core for a feature
# pyramid on EfficientNet-Lite0 with crops of 160 pixels and batches of 8.
_base_ = 'budget_full.py'
max_iters = 600
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = max_iters
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=100))
