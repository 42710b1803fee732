# Clicks, labels of that network, a second network on the labels: the road that
# `mmseg-weak init` writes for photographs of one's own. Both networks are tested.
_base_ = '../_base_/stages/labels_from_clicks.py'
clicks_config = (
    'configs/seminar/pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
student_config = (
    'configs/seminar/labels_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
clicks = [
    'data/voc_animals/points/main.json',
    'data/voc_animals/points/bg_from_scribbles.json',
]
metrics = 'test_student/metrics.json'
stages = [
    *_base_.stages,
    dict(type='Test', name='test_training', network='training'),
    dict(type='Test', name='test_student', network='student'),
]
