# To see the whole way in a few minutes before a longer budget: 100 iterations.
_base_ = 'budget_full.py'
max_iters = 100
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = max_iters
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=50))
