# SegFormer's decoder, 128 channels wide, on EfficientNet-Lite0.
_base_ = 'fpn_efficientnet-lite0.py'
model = dict(
    neck=None,
    decode_head=dict(
        _delete_=True,
        type='LeanSegformerHead',
        in_channels=[24, 40, 112, 320],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
