_base_ = 'stages_transfer_1xb30_voc12-split1-321x321.py'
lnet_config = 'configs/transfer/lnet_largefov_vgg16_1xb30-3k_voc12-fold2-321x321.py'
seg_config = 'configs/transfer/seg_largefov_vgg16_1xb30-6k_voc12-fold2-321x321.py'
pretrain_config = (
    'configs/transfer/pnet-pretrain_largefov_vgg16_1xb30-3k_voc12-fold2-321x321.py'
)
pnet_config = 'configs/transfer/pnet_largefov_vgg16_1xb30-10k_voc12-fold2-321x321.py'
