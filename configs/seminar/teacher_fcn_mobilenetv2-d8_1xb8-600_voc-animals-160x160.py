# The ancillary network of voc_animals: a plain FCN head at output stride 8 on the same
# ImageNet weights.
_base_ = 'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(
    backbone=dict(strides=(1, 2, 2, 1, 1, 1, 1), dilations=(1, 1, 1, 2, 2, 4, 4)),
    decode_head=dict(
        _delete_=True,
        type='FCNHead',
        in_channels=320,
        in_index=3,
        channels=128,
        num_convs=2,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='PartialCrossEntropyLoss'),
    ),
)
