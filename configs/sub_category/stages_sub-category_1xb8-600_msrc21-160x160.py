# The same on MSRC's 21 classes.
_base_ = 'stages_sub-category_1xb8-1500_voc-animals-160x160.py'
tags_config = 'configs/sub_category/cam_efficientnet-lite0_1xb8-600_msrc21-160x160.py'
round_config = (
    'configs/sub_category/sub-category-r1-k10_efficientnet-lite0_1xb8-600_msrc21-160x160.py'
)
tags = ['data/msrc21/points/main.json']
label_options = ['--masks', 'data/msrc21/SegmentationClass']
# Everything is named: background wins only where no map says anything.
background_score = '0.01'
