# The control: AFA's losses from the same parts, without its affinity branch.
_base_ = 'bmp_mobilenetv2_1xb8-800_voc-animals-160x160.py'
model = dict(
    gate=False,
    schedule=dict(propagation_start=None),
    supervision=dict(c2s=0.1, s2c=0.0, c2s_loss='balanced_ce'),
)
