# A stock segmenter on pseudo-labels of VOC 2012; a stage list sets their folder.
_base_ = [
    '../_base_/models/deeplabv3plus_r101-d16.py',
    '../_base_/datasets/voc12_labels.py',
    '../_base_/schedules/schedule_voc_80k.py',
    '../_base_/default_runtime.py',
]
max_iters = 20000
model = dict(
    type='EncoderDecoder',
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='CrossEntropyLoss', avg_non_ignore=True)
    ),
)
param_scheduler = [
    dict(type='PolyLR', eta_min=1e-6, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000))
