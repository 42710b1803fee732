# Published scale: VGG-16 LargeFOV, batch 30, crop 321. One GPU. For another split of the
# classes put `SPLIT=voc-2`, `voc-3`, `pascal-5i-0` … `pascal-5i-3` before the command.
_base_ = '../_base_/stages/transfer.py'
split = '{{$SPLIT:voc-1}}'
env = dict(SPLIT='{split}')
work_dir = 'work_dirs/stages_transfer_1xb30_voc12-321x321/{split}/seed_{seed}'
lnet_config = 'configs/transfer/lnet_largefov_vgg16_1xb30-3k_voc12-321x321.py'
cam_config = 'configs/sub_category/cam_r50_1xb16-3k_voc12-512x512.py'
seg_config = 'configs/transfer/seg_largefov_vgg16_1xb30-6k_voc12-321x321.py'
pretrain_config = 'configs/transfer/pnet-pretrain_largefov_vgg16_1xb30-3k_voc12-321x321.py'
pnet_config = 'configs/transfer/pnet_largefov_vgg16_1xb30-10k_voc12-321x321.py'
workers = 4
device = 'cuda:0'
tags = [
    'data/VOCdevkit/VOC2012/ImageSets/Segmentation/train_aug.txt',
    'data/VOCdevkit/VOC2012/Annotations',
]
masks = ['data/VOCdevkit/VOC2012/SegmentationClassAug']
