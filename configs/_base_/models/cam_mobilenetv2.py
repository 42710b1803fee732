# A tag classifier on MobileNetV2 at output stride 16, small enough for a CPU.
_base_ = 'deeplabv3plus_mobilenetv2.py'
model = dict(
    type='CAMSegmentor',
    backbone=dict(out_indices=(6,)),
    decode_head=dict(_delete_=True, type='CAMHead', in_channels=320, num_classes=7),
    test_cfg=dict(scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_score=0.15),
)
