# A tag classifier on EfficientNet-Lite0 at output stride 16.
_base_ = 'deeplabv3plus_efficientnet-lite0.py'
model = dict(
    type='CAMSegmentor',
    decode_head=dict(_delete_=True, type='CAMHead', in_channels=320, num_classes=7),
    test_cfg=dict(
        mode='whole', scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_score=0.15
    ),
)
