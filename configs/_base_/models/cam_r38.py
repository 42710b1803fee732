# A tag classifier on ResNet-38 at output stride 8, as published: all norms, the first
# convolution and the first level are frozen. The weights are the published MXNet file.
_base_ = 'preprocessor.py'
model = dict(
    type='CAMSegmentor',
    data_preprocessor=dict(size=(224, 224)),
    backbone=dict(
        type='ResNet38',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/weights/ilsvrc-cls_rna-a1_cls1000_ep-0001.params',
        ),
    ),
    decode_head=dict(type='CAMHead', in_channels=4096, num_classes=21, dropout_ratio=0.5),
    train_cfg=dict(),
    test_cfg=dict(
        mode='whole', scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_score=0.15
    ),
)
