# The control: AFA's losses from the same parts. Its labels are PAR labels, not the random
# walk by affinities of the published AFA.
_base_ = 'bmp_mit-b1_1xb4-20k_voc12-512x512.py'
model = dict(
    gate=False,
    schedule=dict(segmentation_start=2000, propagation_start=None),
    supervision=dict(c2s=0.1, s2c=0.0, affinity=0.1, c2s_loss='balanced_ce'),
)
