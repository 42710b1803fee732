# The published road: ResNet-38, three rounds, AffinityNet, a segmenter.
_base_ = '../_base_/stages/tags_affinity.py'
classifier_config = (
    'configs/sub_category/sub-category-r3-k10_r38_1xb16-102k_voc12-224x224.py'
)
affinity_config = 'configs/sub_category/affinity_r38_1xb8-10k_voc12-448x448.py'
segmenter_config = (
    'configs/sub_category/segmenter_deeplabv3plus_r101-d16_4xb4-20k_voc12-512x512.py'
)
tags = ['data/VOCdevkit/VOC2012/Annotations']
workers = 4
device = 'cuda:0'
