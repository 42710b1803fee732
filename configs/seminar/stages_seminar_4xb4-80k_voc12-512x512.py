# Seminar learning at published scale: labels of a PSPNet on ResNet-50 for a DeepLabV3+ on
# ResNet-101, refined by a dense CRF. Four GPUs.
_base_ = '../_base_/stages/seminar.py'
stages = _base_.with_tta
tta_metrics = 'test_tta/metrics.json'
ancillary_config = 'configs/seminar/teacher_pspnet_r50-d16_4xb4-80k_voc12-512x512.py'
primary_config = 'configs/seminar/hpl_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
processes = 4
workers = 4
device = 'cuda:0'
clicks = [
    'data/VOCdevkit/VOC2012/points/main.json',
    'data/VOCdevkit/VOC2012/points/bg_from_scribbles.json',
]
