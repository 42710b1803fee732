# Classification and segmentation branch on MiT-B1 at output stride 16, ImageNet weights.
_base_ = 'preprocessor.py'
norm_cfg = dict(type='SyncBN', requires_grad=True)
weights = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer'
checkpoint = weights + '/mit_b1_20220624-02e5a6a1.pth'
model = dict(
    type='MutualPromotionSegmentor',
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        type='AttentionMixVisionTransformer',
        embed_dims=64,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        strides=(4, 2, 2, 1),
        sr_ratios=[8, 4, 2, 1],
        drop_path_rate=0.1,
        freeze_norms=True,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(
        type='LeanSegformerHead',
        in_channels=[64, 128, 320, 512],
        in_index=[0, 1, 2, 3],
        channels=256,
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    cam_head=dict(type='CAMHead', in_channels=512, num_classes=21, pooling='max_features'),
    affinity_head=dict(type='AttentionAffinityHead', num_maps=16),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
