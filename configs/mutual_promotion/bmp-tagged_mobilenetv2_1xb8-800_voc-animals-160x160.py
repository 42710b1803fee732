# Ours: no half-sized pass for labels, which shows a classifier too little of a crop of 160
# pixels, and only classes whose predicted tag is above 0.5 are segmented.
_base_ = 'bmp_mobilenetv2_1xb8-800_voc-animals-160x160.py'
model = dict(labels=dict(scales=(1.0, 1.5)), test_cfg=dict(tag_threshold=0.5))
