# The ancillary network of the synthetic set: pyramid pooling instead of plain convolutions.
_base_ = 'teacher_fcn_r18-narrow_1xb8-400_synthetic-96x96.py'
model = dict(
    backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    decode_head=dict(
        _delete_=True,
        type='PSPHead',
        in_channels=192,
        in_index=3,
        channels=64,
        pool_scales=(1, 2, 3, 6),
        dropout_ratio=0.1,
        num_classes=6,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='PartialCrossEntropyLoss'),
    ),
)
