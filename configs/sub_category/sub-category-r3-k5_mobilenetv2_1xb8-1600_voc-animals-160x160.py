_base_ = 'sub-category-r3-k10_mobilenetv2_1xb8-1600_voc-animals-160x160.py'
model = dict(sub_category_head=dict(num_clusters=5))
