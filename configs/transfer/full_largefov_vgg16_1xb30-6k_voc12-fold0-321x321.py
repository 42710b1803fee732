_base_ = 'full_largefov_vgg16_1xb30-6k_voc12-321x321.py'
val_evaluator = dict(split='pascal-5i-0')
test_evaluator = val_evaluator
