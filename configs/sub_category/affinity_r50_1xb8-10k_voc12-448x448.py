# The same on ResNet-50 at output stride 8 with frozen norms and a rate that fits it.
# Colours are not distorted.
_base_ = 'affinity_r38_1xb8-10k_voc12-448x448.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        out_indices=(1, 2, 3),
        style='pytorch',
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained',
            # torchvision's, by their address: torchvision need not be installed.
            checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth',
        ),
    ),
    decode_head=dict(in_channels=(512, 1024, 2048)),
)
train_pipeline = [
    step for step in _base_.train_pipeline if step.type != 'PhotoMetricDistortion'
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=0.01))
