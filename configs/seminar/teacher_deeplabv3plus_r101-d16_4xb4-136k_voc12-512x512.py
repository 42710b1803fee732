# Control: the compute of two networks spent on one. A forward of the ancillary network
# costs 0.67 of the primary's (106 against 158 GFLOP at 512 x 512), its labels 0.02 of a
# training.
_base_ = 'teacher_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
max_iters = 136000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(type='PolyLR', eta_min=1e-6, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
