# AffinityNet on ResNet-50 at output stride 8 with frozen norms.
_base_ = 'preprocessor.py'
model = dict(
    type='AffinitySegmentor',
    data_preprocessor=dict(size=(448, 448)),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        out_indices=(1, 2, 3),
        style='pytorch',
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained',
            # torchvision's, by their address: torchvision need not be installed.
            checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth',
        ),
    ),
    decode_head=dict(type='AffinityHead', in_channels=(512, 1024, 2048), num_classes=21),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
