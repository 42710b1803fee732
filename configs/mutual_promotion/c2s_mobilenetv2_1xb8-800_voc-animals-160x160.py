# Ablation: CAMs teach the segmentation branch.
_base_ = 'none_mobilenetv2_1xb8-800_voc-animals-160x160.py'
model = dict(supervision=dict(c2s=0.7))
