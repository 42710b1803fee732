# Activation maps, what features learn from them, a segmenter. For SC-CAM put
# tags_config=…sub-category-r3-k10… behind --cfg-options.
_base_ = '../_base_/stages/labels_from_tags.py'
tags_config = 'configs/sub_category/cam_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
student_config = (
    'configs/seminar/labels_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
tags = ['data/voc_animals/points/main.json']
# Scores labels once they are written.
label_options = ['--masks', 'data/voc_animals/SegmentationClass']
metrics = 'test/metrics.json'
stages = [*_base_.stages, dict(type='Test', name='test', network='student')]
