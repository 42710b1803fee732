# The control on COCO, see afa_mit-b1_1xb4-20k_voc12-512x512.py.
_base_ = 'bmp_mit-b1_2xb4-80k_coco14-512x512.py'
model = dict(
    gate=False,
    schedule=dict(propagation_start=None),
    supervision=dict(c2s=0.1, s2c=0.0, affinity=0.1, c2s_loss='balanced_ce'),
)
