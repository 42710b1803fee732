# Clicks and as many points that say "no", made as docs/no_points.md says.
_base_ = 'pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
model = dict(
    decode_head=dict(
        loss_decode=[
            dict(type='PartialCrossEntropyLoss'),
            dict(type='ExclusionLoss'),
        ]
    )
)
train_dataloader = dict(dataset=dict(click_file=['points/main.json', 'points/no.json']))
