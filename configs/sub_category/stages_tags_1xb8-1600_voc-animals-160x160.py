_base_ = '../_base_/stages/tags.py'
classifier_config = (
    'configs/sub_category/sub-category-r3-k10_mobilenetv2_1xb8-1600_voc-animals-160x160.py'
)
segmenter_config = (
    'configs/sub_category/segmenter_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
tags = ['data/voc_animals/points/main.json']
# Scores labels and maps once they are written.
label_options = ['--masks', 'data/voc_animals/SegmentationClass']
maps_options = ['--masks', 'data/voc_animals/SegmentationClass']
# Smaller kernels for images of 300 pixels, chosen on images held out of train.
how = dict(
    refinement_options=['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
)
