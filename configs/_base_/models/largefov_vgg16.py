# DeepLab-LargeFOV on VGG-16 at output stride 8, 21 classes.
_base_ = 'preprocessor.py'
# torchvision's weights by their address: torchvision need not be installed.
vgg16 = 'https://download.pytorch.org/models/vgg16-397923af.pth'
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(size=(321, 321)),
    backbone=dict(
        type='VGGLargeFOV',
        depth=16,
        init_cfg=dict(type='Pretrained', checkpoint=vgg16),
    ),
    decode_head=dict(
        type='LargeFOVHead',
        in_channels=512,
        in_index=0,
        channels=1024,
        dilation=12,
        pretrained=vgg16,
        dropout_ratio=0.5,
        num_classes=21,
        norm_cfg=None,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
