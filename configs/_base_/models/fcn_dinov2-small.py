# A plain head on four depths of a frozen DINOv2 small, from the library transformers
# (extra `foundation`). Images are stretched to multiples of 14 inside of the backbone.
_base_ = 'preprocessor.py'
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='TransformersBackbone',
        model='facebook/dinov2-small',  # or a folder of save_pretrained
        out_indices=(3, 6, 9, 12),
        frozen=True,
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=[384, 384, 384, 384],
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=256,
        num_convs=1,
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg=dict(type='SyncBN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
