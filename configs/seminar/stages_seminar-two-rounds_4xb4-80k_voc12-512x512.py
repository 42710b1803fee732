# A second round with swapped roles.
_base_ = ['../_base_/stages/seminar_two_rounds.py', '../_base_/stages/seminar_values.py']
ancillary_config = 'configs/seminar/teacher_pspnet_r50-d16_4xb4-80k_voc12-512x512.py'
primary_config = 'configs/seminar/hpl_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
second_config = 'configs/seminar/hpl_pspnet_r50-d16_4xb4-80k_voc12-512x512.py'
processes = 4
workers = 4
device = 'cuda:0'
clicks = [
    'data/VOCdevkit/VOC2012/points/main.json',
    'data/VOCdevkit/VOC2012/points/bg_from_scribbles.json',
]
