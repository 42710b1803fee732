# AffinityNet on ResNet-38 as published.
_base_ = 'preprocessor.py'
model = dict(
    type='AffinitySegmentor',
    data_preprocessor=dict(size=(448, 448)),
    backbone=dict(
        type='ResNet38',
        out_indices=(2, 3, 4),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/weights/ilsvrc-cls_rna-a1_cls1000_ep-0001.params',
        ),
    ),
    decode_head=dict(type='AffinityHead', in_channels=(512, 1024, 4096), num_classes=21),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
