# AFA's schedule on COCO 2014: 80k iterations of 8 images, 15 refinement iterations, 5k of
# warm-up, tags alone until 15k. That background-aware propagation starts at 30k is ours
# (the ratio of VOC); the published code of BMP has no COCO.
_base_ = [
    'bmp_mit-b1_1xb4-20k_voc12-512x512.py',
    '../_base_/datasets/coco14.py',
]
model = dict(
    decode_head=dict(num_classes=81),
    cam_head=dict(num_classes=81),
    labels=dict(num_iters=15),
    schedule=dict(segmentation_start=15000, propagation_start=30000),
)
train_dataloader = dict(
    dataset=dict(**_base_.coco_train, pipeline=_base_.train_pipeline),
)
val_dataloader = dict(dataset=dict(**_base_.coco_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
max_iters = 80000
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=5000, by_epoch=False),
    dict(type='PolyLR', eta_min=0.0, power=1.0, begin=5000, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=8000)
default_hooks = dict(checkpoint=dict(interval=8000))
