_base_ = 'pce_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
model = dict(
    backbone=dict(
        depth=50, init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c')
    )
)
