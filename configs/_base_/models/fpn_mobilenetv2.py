# A feature pyramid down to stride 32 on MobileNetV2. After a few hundred iterations it is
# far better than the DeepLabV3+ it is built on, see docs/appendix/seminar.md.
_base_ = 'deeplabv3plus_mobilenetv2.py'
model = dict(
    backbone=dict(strides=(1, 2, 2, 2, 1, 2, 1), dilations=(1, 1, 1, 1, 1, 1, 1)),
    neck=dict(type='FPN', in_channels=[24, 32, 96, 320], out_channels=64, num_outs=4),
    decode_head=dict(
        _delete_=True,
        type='FPNHead',
        in_channels=[64, 64, 64, 64],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=64,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
