# Ten epochs of COCO's 82081 tagged images on four GPUs. The masks of val2014 come from
# tools/dataset_converters/coco_masks.py.
_base_ = [
    '../_base_/models/cam_r50.py',
    '../_base_/datasets/voc12_tags.py',
    '../_base_/datasets/coco14.py',
    '../_base_/schedules/schedule_cam_voc_3k.py',
    '../_base_/default_runtime.py',
]
max_iters = 12800
model = dict(decode_head=dict(num_classes=81))
train_dataloader = dict(
    dataset=dict(**_base_.coco_train, pipeline=_base_.train_pipeline),
)
val_dataloader = dict(dataset=dict(**_base_.coco_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=0.04))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=500, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=500, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=3200))
