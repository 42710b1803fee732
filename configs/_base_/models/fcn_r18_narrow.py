# A ResNet-18 of a quarter of the width with dilations, trained from scratch on a CPU.
_base_ = 'preprocessor.py'
norm_cfg = dict(type='BN')
model = dict(
    type='SeminarSegmentor',
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5], std=[64.0, 64.0, 64.0], size=(96, 96)
    ),
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=24,
        stem_channels=24,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=192,
        in_index=3,
        channels=64,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=6,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='PartialCrossEntropyLoss'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
