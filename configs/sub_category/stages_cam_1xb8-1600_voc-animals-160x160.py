# The control without sub-categories, trained for as many iterations.
_base_ = 'stages_tags_1xb8-1600_voc-animals-160x160.py'
classifier_config = 'configs/sub_category/cam_mobilenetv2_1xb8-1600_voc-animals-160x160.py'
