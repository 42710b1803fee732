# A tag classifier on MobileNetV2 at output stride 16, small enough for a CPU. The weights
# expect RGB in [-1, 1]. The first four stages stay as ImageNet left them.
_base_ = 'preprocessor.py'
norm_cfg = dict(type='BN')
model = dict(
    type='CAMSegmentor',
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        size=(160, 160),
        channels_last=True,
    ),
    backbone=dict(
        type='MobileNetV2',
        out_indices=(6,),
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        norm_cfg=norm_cfg,
        norm_eval=True,
        frozen_stages=4,
        init_cfg=dict(
            type='Pretrained', checkpoint='data/weights/mobilenet_v2_imagenet.pth'
        ),
    ),
    decode_head=dict(type='CAMHead', in_channels=320, num_classes=7),
    train_cfg=dict(),
    test_cfg=dict(
        mode='whole', scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_score=0.15
    ),
)
