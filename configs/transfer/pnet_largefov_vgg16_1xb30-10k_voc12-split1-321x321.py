_base_ = 'pnet_largefov_vgg16_1xb30-10k_voc12-321x321.py'
