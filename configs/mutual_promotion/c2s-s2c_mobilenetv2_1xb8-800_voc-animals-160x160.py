# Ablation: + the segmentation branch teaches the CAMs.
_base_ = 'c2s_mobilenetv2_1xb8-800_voc-animals-160x160.py'
model = dict(supervision=dict(s2c=0.1))
