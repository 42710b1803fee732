# BMP on EfficientNet-Lite0 at output stride 16: no attention, so no affinity branch.
_base_ = 'deeplabv3plus_efficientnet-lite0.py'
model = dict(
    type='MutualPromotionSegmentor',
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
    cam_head=dict(type='CAMHead', in_channels=320, num_classes=7, pooling='max_features'),
    schedule=dict(segmentation_start=140, propagation_start=280),
    test_cfg=dict(cam_background_score=0.3),
)
