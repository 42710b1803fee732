# Masks of 60 COCO classes, tags of VOC's 20.
_base_ = 'stages_transfer_1xb30_voc12-321x321.py'
env = dict(_delete_=True)
work_dir = 'work_dirs/stages_transfer_1xb30_voc12-split4-321x321/seed_{seed}'
lnet_config = 'configs/transfer/lnet_largefov_vgg16_1xb30-3k_voc12-split4-321x321.py'
seg_config = 'configs/transfer/seg_largefov_vgg16_1xb30-6k_voc12-split4-321x321.py'
pretrain_config = (
    'configs/transfer/pnet-pretrain_largefov_vgg16_1xb30-3k_voc12-split4-321x321.py'
)
pnet_config = 'configs/transfer/pnet_largefov_vgg16_1xb30-10k_voc12-split4-321x321.py'
labels_go_to = 'train_dataloader.dataset.datasets.0.pseudo_label_dir'
tags = [
    'data/VOCdevkit/VOC2012/ImageSets/Segmentation/train_aug.txt',
    'data/VOCdevkit/VOC2012/Annotations',
    'data/coco/strong60/tags.json',
]
masks = ['data/coco/strong60/masks']
