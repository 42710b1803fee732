# Published scale: VGG-16 LargeFOV, batch 30, crop 321. One GPU.
_base_ = '../_base_/stages/transfer.py'
lnet_config = 'configs/transfer/lnet_largefov_vgg16_1xb30-3k_voc12-split1-321x321.py'
cam_config = 'configs/sub_category/cam_r50_1xb16-3k_voc12-512x512.py'
seg_config = 'configs/transfer/seg_largefov_vgg16_1xb30-6k_voc12-split1-321x321.py'
pretrain_config = (
    'configs/transfer/pnet-pretrain_largefov_vgg16_1xb30-3k_voc12-split1-321x321.py'
)
pnet_config = 'configs/transfer/pnet_largefov_vgg16_1xb30-10k_voc12-split1-321x321.py'
lnet_checkpoint = 'iter_3000.pth'
cam_checkpoint = 'iter_3300.pth'
seg_checkpoint = 'iter_6000.pth'
pretrain_checkpoint = 'iter_3000.pth'
pnet_checkpoint = 'iter_10500.pth'
workers = 4
device = 'cuda:0'
tags = [
    'data/VOCdevkit/VOC2012/ImageSets/Segmentation/train_aug.txt',
    'data/VOCdevkit/VOC2012/Annotations',
]
masks = ['data/VOCdevkit/VOC2012/SegmentationClassAug']
