# Ablation: tags alone. Only the mIoU of the CAMs means anything.
_base_ = 'bmp_mobilenetv2_1xb8-800_voc-animals-160x160.py'
model = dict(
    gate=False,
    schedule=dict(propagation_start=None),
    supervision=dict(c2s=0.0, s2c=0.0),
)
