# The ancillary network: another backbone depth and another head than the primary's.
_base_ = 'teacher_deeplabv3plus_r50-d16_4xb4-80k_voc12-512x512.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='PSPHead',
        in_channels=2048,
        in_index=3,
        channels=512,
        pool_scales=(1, 2, 3, 6),
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='PartialCrossEntropyLoss'),
    )
)
