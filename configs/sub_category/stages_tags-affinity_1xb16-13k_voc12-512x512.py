# The road on ResNet-50.
_base_ = 'stages_tags-affinity_1xb16-102k_voc12-224x224.py'
classifier_config = (
    'configs/sub_category/sub-category-r3-k10_r50_1xb16-13k_voc12-512x512.py'
)
affinity_config = 'configs/sub_category/affinity_r50_1xb8-10k_voc12-448x448.py'
