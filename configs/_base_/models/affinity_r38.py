# AffinityNet on ResNet-38 as published.
data_preprocessor = dict(
    type='WeakSegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=(448, 448),
)
model = dict(
    type='AffinitySegmentor',
    data_preprocessor=data_preprocessor,
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
