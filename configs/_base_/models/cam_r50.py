# A tag classifier on ResNet-50 at output stride 16 with frozen norms, 21 classes.
_base_ = 'preprocessor.py'
norm_cfg = dict(type='BN', requires_grad=False)
model = dict(
    type='CAMSegmentor',
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
        style='pytorch',
        frozen_stages=1,
        norm_cfg=norm_cfg,
        norm_eval=True,
        init_cfg=dict(
            type='Pretrained',
            # torchvision's, by their address: torchvision need not be installed.
            checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth',
        ),
    ),
    decode_head=dict(type='CAMHead', in_channels=2048, num_classes=21),
    train_cfg=dict(),
    test_cfg=dict(
        mode='whole', scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_score=0.15
    ),
)
