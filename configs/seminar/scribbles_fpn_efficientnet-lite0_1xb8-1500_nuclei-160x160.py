# Scribbles instead of clicks, simulated from the masks as docs/formats.md says.
_base_ = 'pce_fpn_efficientnet-lite0_1xb8-1500_nuclei-160x160.py'
train_dataloader = dict(dataset=dict(click_file='points/scribbles.json'))
