# AffinityNet on MobileNetV2 at output stride 16; the cells are 8 pixels wide.
_base_ = 'preprocessor.py'
model = dict(
    type='AffinitySegmentor',
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], size=(224, 224)
    ),
    backbone=dict(
        type='MobileNetV2',
        out_indices=(2, 4, 6),
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        norm_cfg=dict(type='BN'),
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='data/weights/mobilenet_v2_imagenet.pth'
        ),
    ),
    decode_head=dict(
        type='AffinityHead', in_channels=(32, 96, 320), num_classes=7, in_index=(0, 1, 2)
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
