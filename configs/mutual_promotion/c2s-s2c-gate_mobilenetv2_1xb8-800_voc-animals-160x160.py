# Ablation: + CAMs gate the features. With background-aware propagation it is bmp_*.
_base_ = 'c2s-s2c_mobilenetv2_1xb8-800_voc-animals-160x160.py'
model = dict(gate=True)
