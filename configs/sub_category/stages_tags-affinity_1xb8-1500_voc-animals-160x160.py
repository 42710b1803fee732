_base_ = '../_base_/stages/tags_affinity.py'
_folder = 'configs/sub_category/'
classifier_config = (
    _folder + 'sub-category-r3-k10_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
affinity_config = (
    'configs/sub_category/affinity_mobilenetv2_1xb8-400_voc-animals-224x224.py'
)
segmenter_config = (
    'configs/seminar/labels_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
tags = ['data/voc_animals/points/main.json']
# Scores the labels once they are written.
label_options = ['--masks', 'data/voc_animals/SegmentationClass']
sure = dict(
    refinement_options=['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
)
